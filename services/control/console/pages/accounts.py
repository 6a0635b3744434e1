"""The list of accounts, and what is done to several of them at once."""

from __future__ import annotations

from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from services.control.console.navigation import text
from services.control.console.notices import Undo
from services.control.console.view import TheView, View, needs
from services.control.paging import colour_cursor, cursor_of
from services.control.problems import Problem
from services.control.resources.registry import permitted
from shared.access import Permission
from shared.model.account_condition import WORST_FIRST, Colour
from shared.model.spec import Kind
from shared.operations.permitted_accounts import MOST_AT_ONCE, AccountFilter, PermittedAccounts

pages = APIRouter()
PAGE = 50


class Act(NamedTuple):
    """What is done to chosen accounts: the texts for one and for several, and the act that takes it back."""

    one: str
    several: str
    undo: str | None = None
    permission: Permission = Permission.ACCOUNTS_RUN


ACTS = {
    "pause": Act(text("%(account)s is paused."), text("%(number)s accounts are paused."), "resume"),
    "resume": Act(
        text("%(account)s is visited again."), text("%(number)s accounts are visited again."), "pause"
    ),
    "check": Act(text("%(account)s is checked now."), text("%(number)s accounts are checked now.")),
    "enable": Act(
        text("%(account)s is enabled."),
        text("%(number)s accounts are enabled."),
        "disable",
        Permission.ACCOUNTS_WRITE,
    ),
    "disable": Act(
        text("%(account)s is disabled."),
        text("%(number)s accounts are disabled."),
        "enable",
        Permission.ACCOUNTS_WRITE,
    ),
}
NOTHING_CHOSEN = text("No account was chosen.")
AS_BEFORE = text("Nothing had to be changed.")


@pages.get("/accounts", dependencies=[needs(Permission.ACCOUNTS_READ)])
async def list_accounts(
    view: TheView,
    light: Annotated[str, Query(max_length=10)] = "",
    tenant: Annotated[str, Query(max_length=64)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """List accounts, those with problems first."""
    colours = (Colour(light),) if light in {*Colour} else ()
    only = AccountFilter(tenant or None, colours, q.strip())
    after = colour_cursor(cursor) if cursor else None
    listing = await permitted_accounts(view).list(only, PAGE, after)
    chosen = {"light": light, "tenant": tenant, "q": q}
    leads_on = cursor_of(listing.after) if listing.after is not None else None
    return view.page(
        "accounts_table.html" if view.is_partial else "accounts.html",
        listing=listing,
        chosen=chosen,
        total=sum(listing.counts.values()),
        colours=WORST_FIRST,
        next=None if leads_on is None else address({**chosen, "cursor": leads_on}),
        first=address(chosen) if cursor else None,
    )


@pages.post("/accounts/{act}", dependencies=[needs(Permission.ACCOUNTS_READ)])
async def act_on_accounts(view: TheView, act: str) -> Response:
    """Do something to the chosen accounts, and return to where that was asked for."""
    if act not in ACTS:
        raise Problem(404, "not_found", "there is no such thing, or you may not know of it")
    back = view.back("/accounts")
    names = [each for each in view.form.getlist("account") if isinstance(each, str)][: MOST_AT_ONCE + 1]
    if not names:
        return view.refused(back, NOTHING_CHOSEN)
    changed = await carry_out(view, act, names)
    if not changed:
        return view.done(back, AS_BEFORE)
    known = ACTS[act]
    undo = (
        None if known.undo is None else Undo(f"/accounts/{known.undo}", {"account": changed, "back": [back]})
    )
    told = known.one if len(changed) == 1 else known.several
    return view.done(back, told, undo, account=changed[0], number=len(changed))


async def carry_out(view: View, act: str, names: list[str]) -> list[str]:
    """Do something to accounts; return those that it changed. Raises what the operations do."""
    accounts = permitted_accounts(view)
    if act == "pause":
        return [*await accounts.pause(names)]
    if act == "resume":
        return [*await accounts.resume(names)]
    if act == "check":
        await accounts.check_now(names)
        return names
    for name in names:
        if not view.may(Permission.ACCOUNTS_WRITE, *name.partition("/")[:1], account=name):
            raise Problem(403, "not_permitted", f"this needs the permission {Permission.ACCOUNTS_WRITE}")
    objects = permitted(view.control, view.me)
    for name in names:
        await objects.change(Kind.ACCOUNT, name, {"enabled": act == "enable"}, None)
    return names


def permitted_accounts(view: View) -> PermittedAccounts:
    """Return the accounts as the reader sees them."""
    return PermittedAccounts(view.control.context, view.me.principal, view.me.doer)


def address(values: dict[str, str]) -> str:
    """Return the address of the list with these filters."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"/accounts?{query}" if query else "/accounts"
