"""The port `EventStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql.access import events
from shared.adapters.sql.runner import TransactionRunner
from shared.ports.store.events import (
    ConditionChange,
    EventQuery,
    EventRecord,
    FailingAccount,
    ParkedMail,
    WaitingGrant,
)


class SqlEventStore:
    """What is not as it should be, and what happened, see `EventStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def conditions(self) -> Mapping[str, float]:
        """Return since when each condition is there, by its name."""
        return await self._runner.read(events.known_conditions)

    async def record_changes(self, changes: Sequence[ConditionChange]) -> int:
        """Write the changes that still apply; return how many these were."""
        return await self._runner.write(events.record_changes, changes) if changes else 0

    async def events_after(self, query: EventQuery, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events, the oldest first."""
        return await self._runner.read(events.events_after, query, limit)

    async def latest_events(self, query: EventQuery, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events, the newest first."""
        return await self._runner.read(events.latest_events, query, limit)

    async def newest_event(self) -> int:
        """Return the number of the newest event, or 0."""
        return await self._runner.read(events.newest_event)

    async def prune_events(self, before: float) -> None:
        """Delete events from before then."""
        await self._runner.write(events.prune_events, before)

    async def failing_accounts(self) -> Sequence[FailingAccount]:
        """Return the accounts whose last visits failed."""
        return await self._runner.read(events.failing_accounts)

    async def waiting_grants(self) -> Sequence[WaitingGrant]:
        """Return the grants that wait for a person."""
        return await self._runner.read(events.waiting_grants)

    async def parked_since(self, since: float) -> Sequence[ParkedMail]:
        """Return the accounts of which recipients were parked since then."""
        return await self._runner.read(events.parked_since, since)
