from __future__ import annotations

import pytest

from shared.runtime.batch_timer import BatchTimer
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def begun(clock: ManualClock) -> BatchTimer:
    """Half a second of waiting, just begun."""
    filling = BatchTimer(clock, 0.5)
    filling.go_on(True)
    await clock.somebody_sleeps()
    return filling


async def test_much_waits_from_when_it_began_to_and_not_anew_each_time_more_comes(clock: ManualClock) -> None:
    filling = await begun(clock)
    await clock.advance(0.3)
    filling.go_on(True)
    assert len(filling.awaited) == 1
    await clock.advance(0.2)
    assert filling.is_over
    assert not filling.awaited


async def test_the_next_that_waits_has_its_own_time(clock: ManualClock) -> None:
    filling = await begun(clock)
    await clock.advance(0.5)
    assert filling.is_over
    filling.stop()
    filling.go_on(True)
    await clock.somebody_sleeps()
    assert clock.naps == [0.5]
    filling.stop()


async def test_little_does_not_wait(clock: ManualClock) -> None:
    filling = await begun(clock)
    filling.go_on(False)
    assert not filling.awaited
    assert not filling.is_over


async def test_without_time_nothing_ever_waits() -> None:
    filling = BatchTimer(ManualClock(), 0.0)
    assert filling.is_over
    filling.go_on(True)
    assert not filling.awaited
