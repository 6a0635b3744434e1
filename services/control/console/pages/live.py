"""What happens now: the newest events, which come by themselves while the page is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Response

from services.control.console.navigation import text
from services.control.console.view import TheView, needs
from shared.access import Permission
from shared.operations.events import Event, EventFeed
from shared.ports.store.events import EventRecord

pages = APIRouter()
SHOWN = 50
TITLES: Mapping[str, tuple[str, str]] = {
    Event.ACCOUNT_FAILING: ("red", text("Visits fail")),
    Event.ACCOUNT_RECOVERED: ("green", text("Visits work again")),
    Event.ACCOUNT_NEEDS_CONSENT: ("red", text("Somebody has to allow the access again")),
    Event.ACCOUNT_CONNECTED: ("green", text("The access is allowed again")),
    Event.MESSAGE_PARKED: ("yellow", text("Mail is parked")),
    Event.TARGET_DOWN: ("red", text("The target is out of reach")),
    Event.TARGET_UP: ("green", text("The target is back")),
    Event.QUOTA_WARNING: ("yellow", text("A limit is nearly reached")),
    Event.APP_EXPIRING: ("yellow", text("A secret ends soon")),
}
"""The light and the title of each event."""


class Line(NamedTuple):
    """An event as it is shown; `path` is the page of what it happened to, or None."""

    event: EventRecord
    colour: str
    title: str
    path: str | None


@pages.get("/live", dependencies=[needs(Permission.ACCOUNTS_READ)])
async def show_live(view: TheView, tenant: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Show the newest events. The page asks for them again when it is told that something happened."""
    feed = EventFeed(view.control.context, view.me.principal)
    found = await feed.latest(SHOWN, tenant or None)
    template = "live_events.html" if view.is_partial else "live.html"
    return view.page(template, lines=[*map(line_of, found)], tenant=tenant, names=[*Event])


def line_of(event: EventRecord) -> Line:
    """Return an event as it is shown."""
    colour, title = TITLES.get(event.event, ("white", event.event))
    return Line(event, colour, title, _path(event))


def _path(event: EventRecord) -> str | None:
    if event.event == Event.MESSAGE_PARKED:
        return f"/parked?account={event.account}"
    if event.account is not None:
        return f"/accounts/{event.account}"
    return "/targets" if event.event in {Event.TARGET_DOWN, Event.TARGET_UP} else None
