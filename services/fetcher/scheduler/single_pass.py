"""A single pass over some accounts, due or not, side by side as far as their hosts bear it."""

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

BROKER_LOOK = 0.1
BROKER_PATIENCE = 30.0


class SinglePass:
    """`visits` has the results by account, as they come in."""

    def __init__(
        self, agenda: AccountScheduler, under_way: ActiveVisits, keeper: LeaseKeeper, pace: Concurrency
    ) -> None:
        self.visits: dict[str, Visit] = {}
        self._agenda = agenda
        self._under_way = under_way
        self._keeper = keeper
        self._pace = pace

    async def run(self, names: Sequence[str]) -> None:
        """Visit each once; ends what is under way where it is ended itself."""
        remaining = list(names)
        try:
            while remaining or len(self._under_way):
                free = self._pace.concurrency - len(self._under_way)
                now, remaining = self._agenda.bearable(
                    remaining, self._under_way.accounts, self._pace.hosts, free
                )
                if now:
                    await self._begin(now)
                await self._under_way.one_ended()
        finally:
            await self._under_way.break_off()

    async def _begin(self, names: Sequence[str]) -> None:
        for lease in await self._agenda.these(names, self._keeper.until()):
            name = lease.fence.account
            visit = self._under_way.begin(self._agenda.accounts[name], lease)
            visit.add_done_callback(partial(self._note, name=name))

    def _note(self, visit: asyncio.Task[Visit], name: str) -> None:
        if not visit.cancelled() and visit.exception() is None:
            self.visits[name] = visit.result()


async def broker_there(problem: Callable[[], str | None], clock: Clock) -> None:
    """Wait until there is no `problem`, though not for ever."""
    end = clock.monotonic() + BROKER_PATIENCE
    while problem() is not None and clock.monotonic() < end:
        await clock.sleep(BROKER_LOOK)


async def serve_the_spool(respool: SpoolRepublisher, board: SettlementTracker, limits: Limits) -> None:
    """Have the mails that only their blobs can serve set out again, and wait a while for them."""
    watch = PendingSet()
    try:
        await respool.publish_all(lambda messages: board.watch(watch, messages))
        await board.all_settled(watch, limits.settle_wait, limits.longest_wait)
    finally:
        board.forget(watch)
