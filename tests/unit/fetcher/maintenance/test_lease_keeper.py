"""The leases of active visits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from services.fetcher.maintenance.lease_keeper import LONGEST_SLEEP, LeaseKeeper
from shared.custody.commands import Fence
from shared.ports.store import Lease, StoreUnavailable
from tests.fakes.clock import ManualClock

FENCE = Fence("acme/bob", 1)


class Leases:
    """Holds every lease until `passed_on`."""

    def __init__(self) -> None:
        self.passed_on = False
        self.away = False
        self.paused: list[str] = []
        self.renewed = 0

    async def renew_leases(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        if self.away:
            raise StoreUnavailable("the database is away")
        self.renewed += 1
        return [] if self.passed_on else fences

    async def paused_among(self, accounts: Sequence[str]) -> Sequence[str]:
        return [account for account in accounts if account in self.paused]


class Metrics:
    class leases_lost:  # noqa: N801 - named as the metric is
        @staticmethod
        def inc() -> None: ...


async def kept(leases: Leases, clock: ManualClock) -> tuple[LeaseKeeper, asyncio.Task[object]]:
    """A keeper at work, and the visit that it keeps the lease for."""
    wrapped: Any = leases
    metrics: Any = Metrics
    keeper = LeaseKeeper(wrapped, clock, 60.0, metrics)
    visit: asyncio.Task[object] = asyncio.create_task(asyncio.Event().wait())
    keeper.keep_lease(Lease(FENCE, clock.now() + 60, 0), visit)
    running = asyncio.create_task(keeper.run())
    visit.add_done_callback(lambda _: running.cancel())
    await clock.somebody_sleeps()
    return keeper, visit


async def test_a_visit_learns_within_seconds_that_its_account_was_paused_and_resumed() -> None:
    leases, clock = Leases(), ManualClock()
    keeper, visit = await kept(leases, clock)
    assert not keeper.is_paused(FENCE)
    leases.paused = ["acme/bob"]
    await clock.advance(LONGEST_SLEEP)
    assert keeper.is_paused(FENCE)
    assert not keeper.is_paused(Fence("acme/eve", 1))
    leases.paused = []
    await clock.advance(LONGEST_SLEEP)
    assert not keeper.is_paused(FENCE)
    visit.cancel()


async def test_a_visit_whose_lease_has_passed_on_is_ended() -> None:
    leases, clock = Leases(), ManualClock()
    keeper, visit = await kept(leases, clock)
    assert list(keeper.fences) == [FENCE]
    leases.passed_on = True
    await clock.advance(LONGEST_SLEEP)
    assert not visit.done(), "it may have given its lease back just now"
    await clock.advance(LONGEST_SLEEP)
    assert visit.cancelled()
    assert list(keeper.fences) == []


async def test_a_database_that_is_away_ends_no_visit() -> None:
    leases, clock = Leases(), ManualClock()
    _, visit = await kept(leases, clock)
    leases.away = True
    await clock.advance(2 * LONGEST_SLEEP)
    assert not visit.done()
    leases.away = False
    await clock.advance(LONGEST_SLEEP)
    assert leases.renewed == 1
    visit.cancel()
