from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from services.relay.delivery.lease_extender import LeaseExtender
from shared.custody.commands import Attempt
from shared.ports.store import StoreUnavailable
from tests.fakes.clock import ManualClock

LEASE = 80.0


class Deliveries:
    """Records the extended leases, unless it is `away`."""

    def __init__(self) -> None:
        self.prolonged: list[list[str]] = []
        self.away = False

    async def extend_attempts(self, attempts: Sequence[Attempt], now: float, lease: float) -> None:
        if self.away:
            raise StoreUnavailable("the database is away")
        assert lease == LEASE
        self.prolonged.append([each.message for each in attempts])


def attempt(message: str) -> Attempt:
    return Attempt(message, 1, (("bob@here.test", 1),), "relay")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


@pytest.fixture
async def extender(clock: ManualClock, deliveries: Deliveries) -> AsyncIterator[LeaseExtender]:
    extender = LeaseExtender(deliveries, clock, LEASE)  # type: ignore[arg-type]  # only this part of the deliveries is used
    running = asyncio.create_task(extender.run())
    await clock.somebody_sleeps()
    yield extender
    running.cancel()


async def test_an_attempt_is_prolonged_again_and_again_until_it_ends(
    extender: LeaseExtender, clock: ManualClock, deliveries: Deliveries
) -> None:
    extender.add_attempt(attempt("slow"))
    await clock.advance(20)
    await clock.advance(20)
    assert deliveries.prolonged == [["slow"], ["slow"]]
    extender.remove_attempt(attempt("slow"))
    await clock.advance(20)
    assert len(deliveries.prolonged) == 2


async def test_an_attempt_that_has_just_begun_needs_no_extension(
    extender: LeaseExtender, clock: ManualClock, deliveries: Deliveries
) -> None:
    await clock.advance(15)
    extender.add_attempt(attempt("quick"))
    await clock.advance(5)
    assert deliveries.prolonged == []


async def test_a_database_that_is_away_is_asked_again_later(
    extender: LeaseExtender, clock: ManualClock, deliveries: Deliveries
) -> None:
    extender.add_attempt(attempt("slow"))
    deliveries.away = True
    await clock.advance(20)
    deliveries.away = False
    await clock.advance(20)
    assert deliveries.prolonged == [["slow"]]
