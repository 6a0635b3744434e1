"""Reading events: as one person or token may see them, a page at a time or as they happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.access import Permission, Principal, Role
from shared.model.tenant_room import tenant_of
from shared.operations.context import OperatorContext
from shared.operations.permitting import require
from shared.ports.store.events import EventQuery, EventRecord

POLL = 1.0
"""Seconds between two looks for new events, each of which reads an index."""
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class EventFeed:
    """The events that `principal` may see."""

    context: OperatorContext
    principal: Principal

    async def page(self, after: int, limit: int, tenant: str | None = None) -> Sequence[EventRecord]:
        """Return up to `limit` events after the one with the number `after`, the oldest first.

        Raises `NotVisible` and `NotPermitted`.
        """
        return await self.context.events.events_after(self._query(after, tenant), limit)

    async def latest(self, limit: int, tenant: str | None = None) -> Sequence[EventRecord]:
        """Return up to `limit` events, the newest first. Raises what `page` does."""
        return await self.context.events.latest_events(self._query(0, tenant), limit)

    async def of_account(self, account: str, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events of an account, by its id, the newest first. Raises what `page` does."""
        tenant = tenant_of(account)
        require(self.principal, Permission.ACCOUNTS_READ, tenant=tenant, account=account)
        query = EventQuery(0, tenant, frozenset({account}))
        return await self.context.events.latest_events(query, limit)

    async def newest(self) -> int:
        """Return the number of the newest event of all."""
        return await self.context.events.newest_event()

    async def follow(self, after: int, tenant: str | None = None) -> AsyncIterator[Sequence[EventRecord]]:
        """Yield the events after the one with this number as they happen; nothing (an empty list) once a look
        found none. Raises what `page` does, and what the store raises.
        """
        while True:
            found = await self.page(after, AT_ONCE, tenant)
            yield found
            if found:
                after = found[-1].number
            if len(found) < AT_ONCE:
                await self.context.clock.sleep(POLL)

    def _query(self, after: int, tenant: str | None) -> EventQuery:
        tenant = tenant or self.principal.tenant
        require(self.principal, Permission.ACCOUNTS_READ, tenant=tenant)
        own = self.principal.accounts if self.principal.role is Role.OWNER else None
        return EventQuery(after, tenant, own)
