"""OAuth: the apps that mailboxes are signed in to, and how the sign-ins of a tenant are doing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.control.callers import check_access
from services.control.console.navigation import text
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from shared.access import Permission, access_to
from shared.model.errors import MailferryError
from shared.operations.permitted_oauth import PermittedOAuth

pages = APIRouter()
PAGE = 50
PATH = "/oauth-apps"
TOLD = "%(why)s"
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
        next=None if last is None else f"{PATH}?tenant={of}&cursor={cursor_of(last)}",
        first=f"{PATH}?tenant={of}" if cursor else None,
    )


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


def _oauth(view: View) -> PermittedOAuth:
    assert view.me is not None
    return PermittedOAuth(view.control.context, view.me.doer)


def _back(view: View) -> str:
    return view.back(PATH)


def _entered(view: View, field: str) -> str:
    return str(view.form.get(field, ""))[:200]
