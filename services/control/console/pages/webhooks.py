"""Webhooks: which URLs are told of what, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.control.console.navigation import text
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from shared.access import Permission
from shared.model.errors import MailferryError
from shared.operations.events import Event
from shared.operations.people import record
from shared.operations.webhooks import Hooks, NewHook

pages = APIRouter()
PAGE = 50
DELIVERIES = 20
REMOVED = text("The webhook is removed.")
NOT_REPEATED = text("Nothing was removed: the name was not repeated.")
NO_EVENT = text("Choose what it is told of.")
WHY = "%(why)s"


@pages.get("/webhooks", dependencies=[needs(Permission.WEBHOOKS_READ)])
async def list_webhooks(view: TheView, cursor: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """List webhooks."""
    return await _page(view, cursor)


@pages.post("/webhooks/add", dependencies=[needs(Permission.WEBHOOKS_WRITE)])
async def add_webhook(view: TheView) -> Response:
    """Add a webhook; the page then shows the secret of its signatures, once."""
    chosen = {str(each) for each in view.form.getlist("event")}
    events = frozenset(each for each in Event if each.value in chosen)
    if not events:
        return view.refused("/webhooks", NO_EVENT)
    tenant = view.me.principal.tenant or str(view.form.get("tenant", "")).strip() or None
    try:
        made, secret = await _hooks(view).add(NewHook(str(view.form.get("url", "")).strip(), events, tenant))
    except MailferryError as refusal:
        return view.refused("/webhooks", WHY, why=view.reader.sentence(str(refusal)))
    after = {"url": made.url, "events": sorted(made.events)}
    await record(view.control.context, view.me.doer, "webhook.add", made.id, made.tenant, after=after)
    return await _page(view, made=made.url, secret=secret)


@pages.get("/webhooks/{webhook}", dependencies=[needs(Permission.WEBHOOKS_READ)])
async def show_webhook(view: TheView, webhook: str) -> Response:
    """Show what a webhook was told."""
    hooks = _hooks(view)
    return view.page(
        "webhook.html",
        hook=await hooks.show(webhook),
        deliveries=await hooks.deliveries(webhook, DELIVERIES),
        may_write=view.may(Permission.WEBHOOKS_WRITE),
    )


@pages.post("/webhooks/{webhook}/remove", dependencies=[needs(Permission.WEBHOOKS_WRITE)])
async def remove_webhook(view: TheView, webhook: str) -> Response:
    """Remove a webhook whose id was typed again."""
    if str(view.form.get("confirmed", "")).strip() != webhook:
        return view.refused(f"/webhooks/{webhook}", NOT_REPEATED)
    removed = await _hooks(view).remove(webhook, None)
    await record(view.control.context, view.me.doer, "webhook.remove", webhook, removed.tenant)
    return view.done("/webhooks", REMOVED)


async def _page(view: View, cursor: str = "", made: str = "", secret: str = "") -> Response:
    found = await _hooks(view).list(Paging(cursor or None).after, PAGE)
    leads_on = cursor_of(found[-1].id if len(found) == PAGE else None)
    return view.page(
        "webhooks.html",
        hooks=found,
        events=[*Event],
        may_write=view.may(Permission.WEBHOOKS_WRITE),
        made=made,
        secret=secret,
        next=None if leads_on is None else f"/webhooks?cursor={leads_on}",
        first="/webhooks" if cursor else None,
    )


def _hooks(view: View) -> Hooks:
    return Hooks(view.control.context, view.me.principal, view.control.entropy)
