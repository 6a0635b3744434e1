"""People who sign in, and tokens of programs: added, disabled, given a new link, removed."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.control.console.navigation import text
from services.control.console.notices import Undo
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from services.control.resources.shapes import USER_PATTERN
from shared.access import Permission, Role
from shared.model.errors import MailferryError
from shared.operations.people import NewToken, NewUser, Users, record
from shared.operations.people.signing_in import sign_in_link

pages = APIRouter()
PAGE = 50
DAY = 86400.0
ACCOUNT_NAMES = re.compile(r"[\s,]+")
TOKEN_DAYS = {"30": 30, "90": 90, "365": 365, "": None}
NAME_NEEDED = text("A name has small letters, digits and . _ @ + - and begins with a letter or digit.")
DISABLED = text("%(name)s cannot sign in any more.")
ENABLED = text("%(name)s can sign in again.")
REMOVED = text("%(name)s is removed, with its sessions and the tokens it made.")
NOT_ENDED = text("Nothing was ended: the name was not repeated.")
NOT_REPEATED = text("Nothing was removed: the name was not repeated.")
REVOKED = text("The token %(name)s has ended.")
WHY = "%(why)s"
Cursor = Annotated[str, Query(max_length=1000)]


@pages.get("/people", dependencies=[needs(Permission.MEMBERS_READ)])
async def list_people(view: TheView, cursor: Cursor = "") -> Response:
    """List people."""
    return await _people(view, cursor)


@pages.post("/people/add", dependencies=[needs(Permission.MEMBERS_WRITE)])
async def add_person(view: TheView) -> Response:
    """Add a person; the page then shows the link by which it signs in, once."""
    name = _entered(view, "name").lower()
    if not re.fullmatch(USER_PATTERN, name):
        return view.refused("/people", NAME_NEEDED)
    role = _role(view)
    tenant = view.me.principal.tenant or _entered(view, "tenant") or None
    wanted = NewUser(name, role, tenant, _accounts(view, role))
    try:
        user = await _users(view).add(wanted)
    except MailferryError as refusal:
        return view.refused("/people", WHY, why=view.reader.sentence(str(refusal)))
    after = {"role": role.value, "accounts": sorted(wanted.accounts)}
    await record(view.control.context, view.me.doer, "member.add", user.name, user.tenant, after=after)
    secret = await sign_in_link(view.control.context, view.control.entropy, user)
    return await _people(view, link_of=user.name, link=_link(view, secret))


@pages.post("/people/link", dependencies=[needs(Permission.MEMBERS_WRITE)])
async def new_link(view: TheView) -> Response:
    """Show a new link by which a person signs in once."""
    name = _entered(view, "name")
    secret = await _users(view).sign_in_link(name, view.control.entropy, view.me.doer)
    return await _people(view, link_of=name, link=_link(view, secret))


@pages.post("/people/{act}", dependencies=[needs(Permission.MEMBERS_WRITE)])
async def act_on_person(view: TheView, act: Literal["disable", "enable", "remove"]) -> Response:
    """Disable, enable or remove a person."""
    name, users = _entered(view, "name"), _users(view)
    if act == "remove":
        if _entered(view, "confirmed") != name:
            return view.refused("/people", NOT_REPEATED)
        removed = await users.remove(name)
        await record(view.control.context, view.me.doer, "member.remove", removed.name, removed.tenant)
        return view.done("/people", REMOVED, name=name)
    enabled = act == "enable"
    user = await users.change(name, None, enabled=enabled)
    after = {"enabled": enabled}
    await record(view.control.context, view.me.doer, "member.change", user.name, user.tenant, after=after)
    undo = Undo(f"/people/{'disable' if enabled else 'enable'}", {"name": [name]})
    return view.done("/people", ENABLED if enabled else DISABLED, undo, name=name)


@pages.get("/tokens", dependencies=[needs(Permission.TOKENS_READ)])
async def list_tokens(view: TheView, cursor: Cursor = "") -> Response:
    """List tokens, without their secrets."""
    return await _tokens(view, cursor)


@pages.post("/tokens/add", dependencies=[needs(Permission.TOKENS_WRITE)])
async def add_token(view: TheView) -> Response:
    """Make a token; the page then shows its secret, once."""
    name, role = _entered(view, "name") or "token", _role(view)
    days = TOKEN_DAYS.get(_entered(view, "days"), 90)
    tenant = view.me.principal.tenant or _entered(view, "tenant") or None
    lasts = None if days is None else days * DAY
    new = NewToken(name[:64], role, tenant, _accounts(view, role), None, lasts)
    try:
        token, secret = await view.control.tokens.create(new, view.me.principal)
    except MailferryError as refusal:
        return view.refused("/tokens", WHY, why=view.reader.sentence(str(refusal)))
    after = {"name": token.name, "role": role.value}
    await record(view.control.context, view.me.doer, "token.create", token.id, token.tenant, after=after)
    return await _tokens(view, made=token.name, secret=secret)


@pages.post("/tokens/revoke", dependencies=[needs(Permission.TOKENS_WRITE)])
async def revoke_token(view: TheView) -> Response:
    """End a token whose name was typed again."""
    tokens, principal = view.control.tokens, view.me.principal
    shown = await tokens.show(_entered(view, "token"), principal)
    if _entered(view, "confirmed") != shown.name:
        return view.refused("/tokens", NOT_ENDED)
    token = await tokens.revoke(shown.id, principal)
    await record(view.control.context, view.me.doer, "token.revoke", token.id, token.tenant)
    return view.done("/tokens", REVOKED, name=token.name)


async def _people(view: View, cursor: str = "", link_of: str = "", link: str = "") -> Response:
    found = await _users(view).list(Paging(cursor or None).after, PAGE)
    leads_on = cursor_of(found[-1].name if len(found) == PAGE else None)
    return view.page(
        "people.html",
        people=found,
        roles=_roles(view),
        may_write=view.may(Permission.MEMBERS_WRITE),
        link_of=link_of,
        link=link,
        now=view.reader.now,
        next=None if leads_on is None else f"/people?cursor={leads_on}",
        first="/people" if cursor else None,
    )


async def _tokens(view: View, cursor: str = "", made: str = "", secret: str = "") -> Response:
    found = await view.control.tokens.list(view.me.principal, Paging(cursor or None).after, PAGE)
    leads_on = cursor_of(found[-1].id if len(found) == PAGE else None)
    return view.page(
        "tokens.html",
        tokens=found,
        roles=_roles(view),
        may_write=view.may(Permission.TOKENS_WRITE),
        made=made,
        secret=secret,
        now=view.reader.now,
        next=None if leads_on is None else f"/tokens?cursor={leads_on}",
        first="/tokens" if cursor else None,
    )


def _users(view: View) -> Users:
    return Users(view.control.context, view.me.principal)


def _roles(view: View) -> list[Role]:
    """The roles that the reader could give; the operations decide."""
    return [each for each in Role if view.me.principal.tenant is None or each is not Role.OPERATOR]


def _role(view: View) -> Role:
    entered = _entered(view, "role")
    return Role(entered) if entered in {*Role} else Role.OWNER


def _accounts(view: View, role: Role) -> frozenset[str]:
    names = ACCOUNT_NAMES.split(_entered(view, "accounts"))
    return frozenset(each for each in names if each) if role is Role.OWNER else frozenset()


def _entered(view: View, name: str) -> str:
    return str(view.form.get(name, "")).strip()


def _link(view: View, secret: str) -> str:
    return f"{view.request.url.scheme}://{view.request.url.netloc}/sign-in#{secret}"
