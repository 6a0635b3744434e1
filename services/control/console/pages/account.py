"""The page of an account: its light, what comes next, what may be done, its mails."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.control.console.navigation import text
from services.control.console.pages.accounts import permitted_accounts
from services.control.console.pages.live import line_of
from services.control.console.view import TheView, needs
from services.control.resources.registry import permitted
from shared.access import Permission
from shared.model.spec import Kind
from shared.operations.events import EventFeed
from shared.operations.remedies import remedy_of

pages = APIRouter()
EVENTS = 10
"""Of the account's page; *Live* has more."""
PATH = "/accounts/{tenant}/{account}"
REMOVED = text("%(account)s is removed. Its mail that is on its way is still delivered.")
NOT_REPEATED = text("Nothing was removed: the name was not repeated.")


@pages.get(PATH, dependencies=[needs(Permission.ACCOUNTS_READ)])
async def show_account(view: TheView, tenant: str, account: str) -> Response:
    """Show an account. The page asks for its state again while it is open."""
    name = f"{tenant}/{account}"
    status, state = await permitted_accounts(view).show(name)
    if view.is_partial:
        return view.page(
            "account_state.html", account=status, state=state, name=name, remedy=remedy_of(status)
        )
    shown = await permitted(view.control, view.me).show(Kind.ACCOUNT, name)
    happened = await EventFeed(view.control.context, view.me.principal).of_account(name, EVENTS)
    return view.page(
        "account.html",
        account=status,
        state=state,
        name=name,
        shown=shown,
        remedy=remedy_of(status),
        lines=[*map(line_of, happened)],
    )


@pages.post(PATH + "/remove", dependencies=[needs(Permission.ACCOUNTS_WRITE)])
async def remove_account(view: TheView, tenant: str, account: str) -> Response:
    """Remove an account whose name was typed again."""
    name = f"{tenant}/{account}"
    if str(view.form.get("confirmed", "")).strip() != name:
        return view.refused(f"/accounts/{name}", NOT_REPEATED)
    await permitted(view.control, view.me).remove(Kind.ACCOUNT, name, None)
    return view.done("/accounts", REMOVED, account=name)
