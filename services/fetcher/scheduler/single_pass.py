"""One visit to each of some accounts, due or not, at the same time as far as their hosts allow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.maintenance.lease_keeper import LeaseKeeper
from services.fetcher.maintenance.spool_republisher import SpoolRepublisher
from services.fetcher.scheduler.account_scheduler import AccountScheduler
from services.fetcher.scheduler.active_visits import ActiveVisits
from services.fetcher.scheduler.concurrency import Concurrency
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.report import Visit
from shared.ports.clock import Clock

BROKER_CHECK_EVERY = 0.1
BROKER_FIRST_CHECK = 0.01
"""Seconds. A broker in the same process is there as soon as the other tasks had their turn."""
LOOKED_AT = 1000
"""Accounts at the beginning of the line that are looked at for such that can be visited now."""
BROKER_PATIENCE = 30.0
"""Seconds that a single pass waits for the broker."""


class SinglePass:
    """`visits` has the results by account, as they come in."""

    def __init__(
        self,
        scheduler: AccountScheduler,
        active: ActiveVisits,
        keeper: LeaseKeeper,
        concurrency: Concurrency,
    ) -> None:
        self.visits: dict[str, Visit] = {}
        self._scheduler = scheduler
        self._active = active
        self._keeper = keeper
        self._concurrency = concurrency

    async def run(self, names: Sequence[str]) -> None:
        """Visit each account once. When this is cancelled, the visits are, too."""
        remaining = list(names)
        try:
            while remaining or len(self._active):
                await self._scheduler.load(remaining[:LOOKED_AT])
                free = self._concurrency.visits - len(self._active)
                now, later = self._scheduler.split_by_host_limits(
                    remaining[:LOOKED_AT], self._active.accounts, self._concurrency.hosts, free
                )
                remaining = remaining[LOOKED_AT:] + later
                if now:
                    await self._begin_visits(now)
                await self._active.wait_for_one()
        finally:
            await self._active.cancel_all()

    async def _begin_visits(self, names: Sequence[str]) -> None:
        for lease in await self._scheduler.lease_named(names, self._keeper.lease_end()):
            name = lease.fence.account
            visit = self._active.begin_visit(self._scheduler.accounts[name], lease)
            visit.add_done_callback(partial(self._note_result, name=name))

    def _note_result(self, visit: asyncio.Task[Visit], name: str) -> None:
        if not visit.cancelled() and visit.exception() is None:
            self.visits[name] = visit.result()


async def wait_for_broker(problem: Callable[[], str | None], clock: Clock) -> None:
    """Wait until there is no `problem`, for at most `BROKER_PATIENCE`."""
    end, pause = clock.monotonic() + BROKER_PATIENCE, BROKER_FIRST_CHECK
    while problem() is not None and clock.monotonic() < end:
        await clock.sleep(pause)
        pause = BROKER_CHECK_EVERY


async def republish_spool(republisher: SpoolRepublisher, tracker: SettlementTracker, limits: Limits) -> None:
    """Publish the mails again of which only a blob is left, and wait a while until they are settled."""
    pending = PendingSet()
    try:
        await republisher.publish_all(lambda messages: tracker.expect(pending, messages))
        await tracker.all_settled(pending, limits.settle_wait, limits.longest_wait)
    finally:
        tracker.forget(pending)
