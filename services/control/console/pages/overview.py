"""The overview: lights first, problems with what to do, mails and targets."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.control.console.navigation import text
from services.control.console.view import TheView, needs
from shared.access import Permission
from shared.operations.epoch import confirm_epoch_for
from shared.operations.overview import overview

pages = APIRouter()
ALLOW = "delete"
"""What is typed to confirm that mail may be deleted at the sources again."""
CONFIRMED = text("Mail is deleted at the sources again.")
NOT_CONFIRMED = text("Nothing was changed: the word was not repeated.")


@pages.get("/", dependencies=[needs(Permission.ACCOUNTS_READ)])
async def show_overview(view: TheView) -> Response:
    """Show how everything is doing. The page asks for its content again while it is open."""
    found = await overview(view.control.context, view.me.principal, view.me.doer)
    template = "overview_content.html" if view.is_partial else "overview.html"
    return view.page(template, overview=found, word=ALLOW)


@pages.post("/deletion", dependencies=[needs(Permission.SERVICE_DECIDE, of_service=True)])
async def allow_deletion(view: TheView) -> Response:
    """Allow deletion at the sources again, after a database was restored."""
    if str(view.form.get("confirmed", "")).strip() != ALLOW:
        return view.refused("/", NOT_CONFIRMED)
    await confirm_epoch_for(view.control.context, view.me.doer)
    return view.done("/", CONFIRMED)
