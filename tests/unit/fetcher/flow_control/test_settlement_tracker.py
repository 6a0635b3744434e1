"""Hints end a wait early, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from typing_extensions import override

from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from shared.adapters.system_clock import SystemClock

LONG = 30.0


@pytest.fixture
def board() -> SettlementTracker:
    return SettlementTracker(SystemClock())


async def test_a_session_goes_on_when_all_its_mails_are_settled(board: SettlementTracker) -> None:
    watch = PendingSet()
    board.watch(watch, ["a", "b"])
    waiting = asyncio.ensure_future(board.all_settled(watch, LONG, LONG))
    await asyncio.sleep(0)
    board.post(["a"])
    board.post(["b"])
    assert await waiting
    assert watch.settled == {"a", "b"}


async def test_hints_that_came_before_the_wait_count(board: SettlementTracker) -> None:
    watch = PendingSet()
    board.watch(watch, ["a"])
    board.post(["a"])
    assert await board.all_settled(watch, LONG, LONG)


async def test_the_wait_ends_when_nobody_gets_a_hint_within_the_patience(board: SettlementTracker) -> None:
    watch = PendingSet()
    board.watch(watch, ["a"])
    assert not await board.all_settled(watch, 0.0, LONG)


async def test_the_wait_ends_when_it_has_lasted_too_long(board: SettlementTracker) -> None:
    watch = PendingSet()
    board.watch(watch, ["a"])
    assert not await board.all_settled(watch, LONG, 0.0)


class StandingClock(SystemClock):
    """Time that passes only when the test says so."""

    time = 0.0

    @override
    def monotonic(self) -> float:
        return self.time


async def test_a_session_waits_as_long_as_others_make_progress() -> None:
    clock, mine, theirs = StandingClock(), PendingSet(), PendingSet()
    board = SettlementTracker(clock)
    board.watch(mine, ["mine"])
    board.watch(theirs, [str(n) for n in range(5)])
    waiting = asyncio.ensure_future(board.all_settled(mine, 0.01, LONG))
    for n in range(5):
        clock.time += 1
        board.post([str(n)])
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
    clock.time += 1
    assert not await waiting


async def test_a_hint_for_a_session_that_is_over_is_forgotten(board: SettlementTracker) -> None:
    watch = PendingSet()
    board.watch(watch, ["a"])
    board.forget(watch)
    board.post(["a"])
    board.post(["never heard of"])
    assert watch.settled == set()
    assert len(board) == 0


async def test_all_waits_can_be_ended_at_once(board: SettlementTracker) -> None:
    watch = PendingSet()
    board.watch(watch, ["a"])
    waiting = asyncio.ensure_future(board.all_settled(watch, LONG, LONG))
    await asyncio.sleep(0)
    board.end_waits()
    assert not await waiting
    assert not await watch.news(LONG)
