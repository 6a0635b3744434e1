"""Webhooks and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import MOST, USUAL, ExpectedRevision, ThePaging, cursor_of, with_etag
from services.control.resources.registry import ADDING, CHANGING, READING
from services.control.resources.shapes import NAME_PATTERN, Id, Shape, moment, moment_or_none
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.operations.events import Event
from shared.operations.people import record
from shared.operations.webhooks import Hooks, NewHook
from shared.ports.store import Delivery, Webhook

api = APIRouter(route_class=ApiRoute, tags=["webhooks"])
READ, WRITE = Depends(Needs(Permission.WEBHOOKS_READ)), Depends(Needs(Permission.WEBHOOKS_WRITE))
Url = Annotated[str, Field(max_length=2000, examples=["https://crm.acme.example/mailferry"])]


class NewWebhook(Shape):
    """A URL that is told of these events."""

    url: Url
    events: Annotated[list[Event], Field(min_length=1)]
    tenant: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None


class WebhookChange(Shape):
    """What is to be changed; what is left out stays."""

    url: Url | None = None
    events: Annotated[list[Event] | None, Field(min_length=1)] = None
    enabled: bool | None = None


class WebhookShape(BaseModel):
    """A webhook."""

    id: str
    tenant: str | None
    url: str
    events: list[str]
    enabled: bool
    revision: int
    created_at: datetime


class MadeWebhook(WebhookShape):
    """A new webhook with the secret that signs its deliveries, which is not shown again."""

    secret: str


class WebhookPage(BaseModel):
    """Some webhooks, by id."""

    items: list[WebhookShape]
    next: str | None


class DeliveryShape(BaseModel):
    """A delivery: how often it was tried, and what came of it."""

    id: str
    event: str
    created_at: datetime
    attempts: int
    next_at: datetime | None
    delivered_at: datetime | None
    answer: str


class DeliveryList(BaseModel):
    """Deliveries, newest first."""

    items: list[DeliveryShape]


def _hooks(control: Control, caller: TheCaller) -> Hooks:
    return Hooks(control.context, caller.principal, control.entropy)


@api.get("/webhooks", dependencies=[READ], responses=READING)
async def list_webhooks(paging: ThePaging, control: TheControl, caller: TheCaller) -> WebhookPage:
    """List webhooks."""
    found = await _hooks(control, caller).list(paging.after, paging.limit)
    after = found[-1].id if len(found) == paging.limit else None
    return WebhookPage(items=[*map(_shape, found)], next=cursor_of(after))


@api.post("/webhooks", dependencies=[WRITE], responses=ADDING, status_code=201)
async def add_webhook(
    new: NewWebhook, control: TheControl, caller: TheCaller, response: Response
) -> MadeWebhook:
    """Add a webhook. Its secret is in this answer and nowhere else."""
    wanted = NewHook(new.url, frozenset(new.events), new.tenant)
    made, secret = await _hooks(control, caller).add(wanted)
    after = new.model_dump(mode="json")
    await record(control.context, caller.doer, "webhook.add", made.id, made.tenant, after=after)
    with_etag(response, made.revision)
    return MadeWebhook(**_shape(made).model_dump(), secret=secret)


@api.get("/webhooks/{webhook}", dependencies=[READ], responses=READING)
async def show_webhook(
    webhook: Id, control: TheControl, caller: TheCaller, response: Response
) -> WebhookShape:
    """Show a webhook."""
    found = await _hooks(control, caller).show(webhook)
    with_etag(response, found.revision)
    return _shape(found)


@api.patch("/webhooks/{webhook}", dependencies=[WRITE], responses=CHANGING)
async def change_webhook(
    webhook: Id,
    change: WebhookChange,
    expected: ExpectedRevision,
    control: TheControl,
    caller: TheCaller,
    response: Response,
) -> WebhookShape:
    """Change a webhook."""
    events = None if change.events is None else frozenset(change.events)
    changed = await _hooks(control, caller).change(
        webhook, expected, url=change.url, events=events, enabled=change.enabled
    )
    after = change.model_dump(mode="json", exclude_none=True)
    await record(control.context, caller.doer, "webhook.change", webhook, changed.tenant, after=after)
    with_etag(response, changed.revision)
    return _shape(changed)


@api.delete("/webhooks/{webhook}", dependencies=[WRITE], responses=CHANGING, status_code=204)
async def remove_webhook(
    webhook: Id, expected: ExpectedRevision, control: TheControl, caller: TheCaller
) -> None:
    """Remove a webhook."""
    removed = await _hooks(control, caller).remove(webhook, expected)
    await record(control.context, caller.doer, "webhook.remove", webhook, removed.tenant)


@api.get("/webhooks/{webhook}/deliveries", dependencies=[READ], responses=READING)
async def list_deliveries(
    webhook: Id,
    control: TheControl,
    caller: TheCaller,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
) -> DeliveryList:
    """List what a webhook was told, and what came of it, newest first."""
    found = await _hooks(control, caller).deliveries(webhook, limit)
    return DeliveryList(items=[*map(_delivery, found)])


def _shape(hook: Webhook) -> WebhookShape:
    return WebhookShape(
        id=hook.id,
        tenant=hook.tenant,
        url=hook.url,
        events=sorted(hook.events),
        enabled=hook.enabled,
        revision=hook.revision,
        created_at=moment(hook.created_at),
    )


def _delivery(delivery: Delivery) -> DeliveryShape:
    return DeliveryShape(
        id=delivery.id,
        event=delivery.event,
        created_at=moment(delivery.created_at),
        attempts=delivery.attempts,
        next_at=moment_or_none(delivery.next_at),
        delivered_at=moment_or_none(delivery.delivered_at),
        answer=delivery.answer,
    )
