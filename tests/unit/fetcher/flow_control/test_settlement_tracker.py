"""Hints end a wait early, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from typing_extensions import override

from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from shared.adapters.system_clock import SystemClock
from shared.model.ids import message_id

LONG = 30.0


@pytest.fixture
def tracker() -> SettlementTracker:
    return SettlementTracker(SystemClock())


async def test_a_session_goes_on_when_all_its_mails_are_settled(tracker: SettlementTracker) -> None:
    pending = PendingSet()
    tracker.expect(pending, ["a", "b"])
    waiting = asyncio.ensure_future(tracker.all_settled(pending, LONG, LONG))
    await asyncio.sleep(0)
    tracker.mark_settled(["a"])
    tracker.mark_settled(["b"])
    assert await waiting
    assert pending.settled == {"a", "b"}


async def test_the_oldest_mail_that_is_waited_for_has_the_age_of_its_id(tracker: SettlementTracker) -> None:
    first, second = (message_id(moment, bytes) for moment in (1000.0, 1060.0))
    assert tracker.oldest_age(2000.0) == 0
    tracker.expect(PendingSet(), [second, first])
    assert tracker.oldest_age(2000.0) == 1000
    tracker.mark_settled([first])
    assert tracker.oldest_age(2000.0) == 940


async def test_hints_that_came_before_the_wait_count(tracker: SettlementTracker) -> None:
    pending = PendingSet()
    tracker.expect(pending, ["a"])
    tracker.mark_settled(["a"])
    assert await tracker.all_settled(pending, LONG, LONG)


async def test_the_wait_ends_when_nobody_gets_a_hint_within_the_patience(tracker: SettlementTracker) -> None:
    pending = PendingSet()
    tracker.expect(pending, ["a"])
    assert not await tracker.all_settled(pending, 0.0, LONG)


async def test_the_wait_ends_when_it_has_lasted_too_long(tracker: SettlementTracker) -> None:
    pending = PendingSet()
    tracker.expect(pending, ["a"])
    assert not await tracker.all_settled(pending, LONG, 0.0)


class StoppedClock(SystemClock):
    """Time that passes only when the test says so."""

    time = 0.0

    @override
    def monotonic(self) -> float:
        return self.time


async def test_a_session_waits_as_long_as_others_make_progress() -> None:
    clock, mine, theirs = StoppedClock(), PendingSet(), PendingSet()
    tracker = SettlementTracker(clock)
    tracker.expect(mine, ["mine"])
    tracker.expect(theirs, [str(n) for n in range(5)])
    waiting = asyncio.ensure_future(tracker.all_settled(mine, 0.01, LONG))
    for n in range(5):
        clock.time += 1
        tracker.mark_settled([str(n)])
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
    clock.time += 1
    assert not await waiting


async def test_a_hint_for_a_session_that_is_over_is_forgotten(tracker: SettlementTracker) -> None:
    pending = PendingSet()
    tracker.expect(pending, ["a"])
    tracker.forget(pending)
    tracker.mark_settled(["a"])
    tracker.mark_settled(["never heard of"])
    assert pending.settled == set()
    assert len(tracker) == 0


async def test_all_waits_can_be_ended_at_once(tracker: SettlementTracker) -> None:
    pending = PendingSet()
    tracker.expect(pending, ["a"])
    waiting = asyncio.ensure_future(tracker.all_settled(pending, LONG, LONG))
    await asyncio.sleep(0)
    tracker.end_waits()
    assert not await waiting
    assert not await pending.wait_for_change(LONG)
