"""Hints end a wait early, and nothing else."""

from __future__ import annotations

import asyncio

from services.fetcher.hints import HintBoard, Watch
from shared.adapters.system_clock import SystemClock

LONG = 30.0


async def test_a_session_goes_on_when_all_its_mails_are_settled() -> None:
    board, watch = HintBoard(), Watch()
    board.watch(watch, ["a", "b"])
    waiting = asyncio.ensure_future(watch.all_settled(LONG, LONG, SystemClock()))
    await asyncio.sleep(0)
    board.post("a")
    board.post("b")
    assert await waiting
    assert watch.settled == {"a", "b"}


async def test_hints_that_came_before_the_wait_count() -> None:
    board, watch = HintBoard(), Watch()
    board.watch(watch, ["a"])
    board.post("a")
    assert await watch.all_settled(LONG, LONG, SystemClock())


async def test_the_wait_ends_when_no_hint_comes_within_the_patience() -> None:
    board, watch = HintBoard(), Watch()
    board.watch(watch, ["a"])
    assert not await watch.all_settled(0.0, LONG, SystemClock())


async def test_the_wait_ends_when_it_has_lasted_too_long() -> None:
    board, watch = HintBoard(), Watch()
    board.watch(watch, ["a"])
    assert not await watch.all_settled(LONG, 0.0, SystemClock())


async def test_a_hint_for_a_session_that_is_over_is_forgotten() -> None:
    board, watch = HintBoard(), Watch()
    board.watch(watch, ["a"])
    board.forget(watch)
    board.post("a")
    board.post("never heard of")
    assert watch.settled == set()
