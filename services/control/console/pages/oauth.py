"""OAuth: the apps that mailboxes are signed in to, and how the sign-ins of a tenant are doing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.control.callers import check_access
from services.control.console.navigation import text
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from shared.access import Permission, access_to
from shared.config.object_keys import InvalidObject
from shared.model.errors import MailferryError
from shared.oauth.providers import PRESETS
from shared.operations.permitted_oauth import PermittedOAuth

pages = APIRouter()
PAGE = 50
PATH = "/oauth-apps"
TOLD = "%(why)s"
ADDED = text("%(app)s is added. Ask the provider whether it knows the app.")
REMOVED = text("%(app)s is removed.")
NOT_YOURS = text("Only operators add and remove apps.")
NOT_REMOVED = text("Nothing was removed: the name was not repeated.")
FIELDS = (
    "name",
    "provider",
    "client_id",
    "client_secret",
    "secret_expires",
    "directory",
    "tenant",
    "redirect",
)
NOT_REPEATED = text("Nothing was ended: the name was not repeated.")
Tenant = Annotated[str, Query(max_length=64)]


@pages.get(PATH, dependencies=[needs(Permission.OAUTH_READ)])
async def show_apps(
    view: TheView, tenant: Tenant = "", cursor: Annotated[str, Query(max_length=1000)] = ""
) -> Response:
    """Show the apps, and the sign-ins of one tenant."""
    of = view.me.principal.tenant or tenant or None
    oauth = _oauth(view)
    if of is not None:
        check_access(access_to(view.me.principal, Permission.OAUTH_READ, tenant=of), Permission.OAUTH_READ)
    after = Paging(cursor or None).after
    grants = [] if of is None else await oauth.grants(of, after, PAGE)
    last = f"{grants[-1].kind}:{grants[-1].id}" if len(grants) == PAGE else None
    return view.page(
        "oauth.html",
        apps=await oauth.apps(of),
        tenant=of or "",
        grants=grants,
        may_write=view.may(Permission.OAUTH_WRITE, of),
        may_add=_may_add(view),
        providers=PRESETS.values(),
        next=None if last is None else f"{PATH}?tenant={of}&cursor={cursor_of(last)}",
        first=f"{PATH}?tenant={of}" if cursor else None,
    )


@pages.post(PATH + "/add", dependencies=[needs(Permission.OAUTH_WRITE)])
async def add_app(view: TheView) -> Response:
    """Add an app; only people of the whole service may."""
    if not _may_add(view):
        return view.refused(PATH, NOT_YOURS)
    keys: dict[str, Any] = {name: entered for name in FIELDS if (entered := _entered(view, name).strip())}
    try:
        added = await _oauth(view).add(keys)
    except InvalidObject as refusal:
        return view.refused(
            PATH, TOLD, why=" ".join(view.reader.sentence(each.sentence) for each in refusal.found)
        )
    except MailferryError as refusal:
        return view.refused(PATH, TOLD, why=view.reader.sentence(str(refusal)))
    return view.done(PATH, ADDED, app=added.status.name)


@pages.post(PATH + "/remove", dependencies=[needs(Permission.OAUTH_WRITE)])
async def remove_app(view: TheView) -> Response:
    """Remove an app whose name was typed again; one that has sign-ins is refused."""
    if not _may_add(view):
        return view.refused(PATH, NOT_YOURS)
    app = _entered(view, "app")
    if _entered(view, "confirmed").strip() != app:
        return view.refused(PATH, NOT_REMOVED)
    try:
        await _oauth(view).remove(app, None, force=False)
    except MailferryError as refusal:
        return view.refused(PATH, TOLD, why=view.reader.sentence(str(refusal)))
    return view.done(PATH, REMOVED, app=app)


@pages.post(PATH + "/verify", dependencies=[needs(Permission.OAUTH_WRITE)])
async def verify_app(view: TheView) -> Response:
    """Ask the provider whether it knows an app and accepts its secret."""
    verified = await _oauth(view).verify(view.me.principal.tenant, _entered(view, "app"))
    told = view.done if verified.ok else view.refused
    return told(_back(view), TOLD, why=view.reader.sentence(verified.sentence))


@pages.post(PATH + "/revoke", dependencies=[needs(Permission.OAUTH_WRITE)])
async def revoke_grant(view: TheView) -> Response:
    """End a sign-in whose name was typed again."""
    name = _entered(view, "name")
    tenant, _, own = name.partition("/")
    access = access_to(view.me.principal, Permission.OAUTH_WRITE, tenant=tenant)
    check_access(access, Permission.OAUTH_WRITE)
    if _entered(view, "confirmed").strip() != name:
        return view.refused(_back(view), NOT_REPEATED)
    try:
        sentence = await _oauth(view).revoke(tenant, _entered(view, "kind"), own)
    except MailferryError as refusal:
        return view.refused(_back(view), TOLD, why=view.reader.sentence(str(refusal)))
    return view.done(_back(view), TOLD, why=view.reader.sentence(sentence))


def _may_add(view: View) -> bool:
    return view.me.principal.tenant is None and view.may(Permission.OAUTH_WRITE, None)


def _oauth(view: View) -> PermittedOAuth:
    assert view.me is not None
    return PermittedOAuth(view.control.context, view.me.doer)


def _back(view: View) -> str:
    return view.back(PATH)


def _entered(view: View, field: str) -> str:
    return str(view.form.get(field, ""))[:200]
