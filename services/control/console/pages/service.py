"""What is for the whole service: pauses, and deletion at the sources."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.control.console.navigation import text
from services.control.console.notices import Undo
from services.control.console.view import TheView, View, needs
from services.control.resources.pauses import pauses_of
from shared.access import Permission
from shared.operations.broker_status import broker_status
from shared.operations.epoch import current_epoch
from shared.operations.hosts import hosts
from shared.operations.pausing import EVERYTHING

pages = APIRouter()
ALL = "all"
"""What is typed to confirm that everything is paused."""
PAUSED = text("Nothing is visited any more. Mail on its way is delivered.")
RESUMED = text("All accounts are visited again.")
NOT_CONFIRMED = text("Nothing was changed: the word was not repeated.")
TENANT_PAUSED = text("The accounts of %(name)s are not visited any more. Mail on its way is delivered.")
TENANT_RESUMED = text("The accounts of %(name)s are visited again.")
DECIDE = needs(Permission.SERVICE_DECIDE, of_service=True)
RUN = needs(Permission.ACCOUNTS_RUN)


@pages.get("/service", dependencies=[needs(Permission.SERVICE_READ, of_service=True)])
async def show_service(view: TheView) -> Response:
    """Show what holds for the whole service."""
    pauses = await pauses_of(view.control, view.me).list()
    return view.page(
        "service.html",
        pauses=pauses,
        all_paused=any(each.scope == EVERYTHING for each in pauses),
        epoch=await current_epoch(view.control.context),
        word=ALL,
        broker=await broker_status(view.control.broker),
        hosts=await hosts(view.control.context),
    )


@pages.post("/service/pause", dependencies=[DECIDE])
async def pause_all(view: TheView) -> Response:
    """Stop visiting all accounts."""
    if str(view.form.get("confirmed", "")).strip() != ALL:
        return view.refused("/service", NOT_CONFIRMED)
    await pauses_of(view.control, view.me).pause(None)
    return view.done("/service", PAUSED, Undo("/service/resume", {}))


@pages.post("/service/resume", dependencies=[DECIDE])
async def resume_all(view: TheView) -> Response:
    """Visit all accounts again."""
    await pauses_of(view.control, view.me).resume(None)
    return view.done("/service", RESUMED)


@pages.post("/tenants/pause", dependencies=[RUN])
async def pause_tenant(view: TheView) -> Response:
    """Stop visiting the accounts of a tenant."""
    name = _tenant(view)
    await pauses_of(view.control, view.me).pause(name)
    return view.done("/tenants", TENANT_PAUSED, Undo("/tenants/resume", {"name": [name]}), name=name)


@pages.post("/tenants/resume", dependencies=[RUN])
async def resume_tenant(view: TheView) -> Response:
    """Visit the accounts of a tenant again."""
    name = _tenant(view)
    await pauses_of(view.control, view.me).resume(name)
    return view.done("/tenants", TENANT_RESUMED, name=name)


def _tenant(view: View) -> str:
    return str(view.form.get("name", ""))[:64]
