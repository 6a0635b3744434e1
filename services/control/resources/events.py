"""What happened, a page at a time or as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.control.callers import Needs, TheCaller, TheControl, is_still_valid
from services.control.paging import Paging, ThePaging, cursor_of
from services.control.resources.mail_shapes import InTenant
from services.control.resources.registry import READING
from services.control.resources.shapes import moment
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.model.errors import MailferryError
from shared.operations.events import EventFeed
from shared.ports.store.events import EventRecord

api = APIRouter(route_class=ApiRoute, tags=["events"])
READ = Depends(Needs(Permission.ACCOUNTS_READ))
STREAM = {
    **READING,
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
}
LONGEST = 900.0
"""Seconds after which a stream ends; its reader begins the next one."""
SIGN_OF_LIFE = 15
"""Looks, a second each, after which a comment shows proxies that the stream is alive, and the reader's token
or session is looked at again: it may have ended."""

log = structlog.get_logger("mailferry.control")


class EventShape(BaseModel):
    """Something that happened. `id` is the cursor from which what came later is read."""

    id: str
    at: datetime
    event: Annotated[str, Field(examples=["account.failing"])]
    subject: Annotated[str, Field(examples=["acme/info"])]
    tenant: str | None
    account: str | None
    sentence: Annotated[str, Field(examples=["The server refused the password."])]


class EventPage(BaseModel):
    """Events, the oldest first. `next` leads on from here, also where nothing has happened since."""

    items: list[EventShape]
    next: str


@api.get("/events", dependencies=[READ], responses=READING)
async def list_events(
    paging: ThePaging, control: TheControl, caller: TheCaller, tenant: InTenant = None
) -> EventPage:
    """List what happened in the last 30 days, the oldest first. Ask again with `next` for what came later."""
    feed = EventFeed(control.context, caller.principal)
    found = await feed.page(paging.number, paging.limit, tenant)
    newest = found[-1].number if found else paging.number
    return EventPage(items=[*map(_shape, found)], next=str(cursor_of(newest)))


@api.get("/events/stream", dependencies=[READ], responses=STREAM)
async def follow_events(
    request: Request,
    control: TheControl,
    caller: TheCaller,
    tenant: InTenant = None,
    last: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=1000, description="The last `id` that was read.")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=1000, description="In place of the header.")] = None,
) -> StreamingResponse:
    """Send what happens from now on, or after an event, as server-sent events. It ends after 15 minutes."""
    control.streams.check(caller.principal.id)
    feed = EventFeed(control.context, caller.principal)
    known = last or cursor
    after = await feed.newest() if known is None else Paging(known, 1).number
    await feed.page(after, 1, tenant)  # what is not to be seen is refused before the answer begins
    lines = event_lines(control, feed, partial(is_still_valid, request, caller), after, tenant)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def event_lines(
    control: Control,
    feed: EventFeed,
    is_allowed: Callable[[], Awaitable[bool]],
    after: int,
    tenant: str | None,
) -> AsyncIterator[str]:
    """Yield a stream of events: each as JSON, and a comment now and then. It ends with who reads it."""
    clock, looks = control.context.clock, 0
    until = clock.monotonic() + LONGEST
    with control.streams.opened(feed.principal.id):
        yield "retry: 3000\n\n"
        try:
            async for some in feed.follow(after, tenant):
                for each in some:
                    shape = _shape(each)
                    yield f"id: {shape.id}\nevent: {shape.event}\ndata: {shape.model_dump_json()}\n\n"
                looks += 1
                if looks % SIGN_OF_LIFE == 0:
                    if not await is_allowed():
                        return
                    yield ": still here\n\n"
                if control.streams.are_ending or clock.monotonic() > until:
                    return
        except MailferryError as error:
            log.warning("a stream of events ended", error=error)


def _shape(happened: EventRecord) -> EventShape:
    return EventShape(
        id=str(cursor_of(happened.number)),
        at=moment(happened.at),
        event=happened.event,
        subject=happened.subject,
        tenant=happened.tenant,
        account=happened.account,
        sentence=happened.sentence,
    )
