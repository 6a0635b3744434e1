"""What is asked of the store about webhooks: who is told what, and what came of telling it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that is told of events. `tenant` is None for one that is told of all tenants."""

    id: str
    tenant: str | None
    url: str
    events: frozenset[str]
    enabled: bool
    created_at: float
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that a webhook is to be told. `next_at` is None once that is done or given up.

    `answer` says what came of the latest attempt. Times are seconds since the epoch.
    """

    id: str
    webhook: str
    event: str
    body: bytes = field(repr=False)
    created_at: float
    attempts: int = 0
    next_at: float | None = None
    delivered_at: float | None = None
    answer: str = ""


class WebhookStore(Protocol):
    """Webhooks, and what they are told."""

    async def webhooks(self, tenant: str | None, after: str, limit: int) -> Sequence[Webhook]:
        """Return up to `limit` webhooks by id, of all tenants where `tenant` is None."""
        ...

    async def webhook(self, webhook: str) -> Webhook | None:
        """Return a webhook."""
        ...

    async def save_webhook(self, webhook: Webhook, expected: int) -> bool:
        """Write a webhook if it is there as `expected` (a revision; 0: not there); return whether it was."""
        ...

    async def remove_webhook(self, webhook: str, expected: int | None) -> bool:
        """Remove a webhook and its deliveries; return whether it was there as expected."""
        ...

    async def take_due(self, now: float, until: float, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries that are due, and leave them to the caller until `until`."""
        ...

    async def end_attempt(self, delivery: Delivery) -> None:
        """Write what came of an attempt."""
        ...

    async def deliveries(self, webhook: str, limit: int) -> Sequence[Delivery]:
        """Return the newest deliveries of a webhook, newest first."""
        ...

    async def prune_deliveries(self, before: float) -> None:
        """Delete deliveries that were done or given up, and made before then."""
        ...
