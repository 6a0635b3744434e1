"""Items that are collected and processed together."""

from __future__ import annotations

import asyncio

import pytest

from shared.model.batcher import Batcher, BatchQueue
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> BatchQueue[int]:
    return BatchQueue(clock.sleep)


async def test_two_takers_never_get_the_same_item(queue: BatchQueue[int]) -> None:
    takers = [asyncio.ensure_future(queue.next_batch(1, 0)) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add_item("", 1)
    queue.add_item("", 2)

    assert sorted(each for batch in await asyncio.gather(*takers) for each in batch) == [1, 2]


async def test_a_taker_that_comes_too_late_goes_on_waiting(queue: BatchQueue[int]) -> None:
    takers = [asyncio.ensure_future(queue.next_batch(10, 0)) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add_item("", 1)
    done, waiting = await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (1, 1)
    queue.add_item("", 2)

    assert await waiting.pop() == [2]


async def test_items_that_are_forgotten_while_a_batch_lingers_are_not_handed_out(
    queue: BatchQueue[int], clock: ManualClock
) -> None:
    batch = asyncio.ensure_future(queue.next_batch(10, 5))
    queue.add_item("", 1)
    await clock.somebody_sleeps()
    queue.clear()
    await clock.advance(5)
    assert not batch.done()
    queue.add_item("", 2)
    await clock.somebody_sleeps()
    await clock.advance(5)

    assert await batch == [2]


async def test_a_batch_that_is_cancelled_while_it_lingers_takes_nothing(
    queue: BatchQueue[int], clock: ManualClock
) -> None:
    batch = asyncio.ensure_future(queue.next_batch(10, 5))
    queue.add_item("", 1)
    await clock.somebody_sleeps()
    batch.cancel()
    await asyncio.wait({batch})

    assert await queue.next_batch(10, 0) == [1]
    assert clock.naps == []


async def test_a_full_batch_does_not_linger(queue: BatchQueue[int], clock: ManualClock) -> None:
    batch = asyncio.ensure_future(queue.next_batch(2, 5))
    queue.add_item("", 1)
    await clock.somebody_sleeps()
    queue.add_item("", 2)

    assert await batch == [1, 2]


async def test_a_batch_that_can_not_grow_does_not_linger(queue: BatchQueue[int], clock: ManualClock) -> None:
    batch = asyncio.ensure_future(queue.next_batch(2, 5))
    queue.end_lingering()
    queue.add_item("", 1)
    await clock.somebody_sleeps()
    assert not batch.done()
    queue.end_lingering()

    assert await batch == [1]


def test_a_batch_is_due_when_it_is_full_or_its_first_item_has_waited() -> None:
    batcher: Batcher[str] = Batcher(most_items=3, most_octets=100, linger=1.0)
    assert not batcher.is_due(1000.0)
    batcher.add_item("a", 1, now=5.0)
    batcher.add_item("b", 98, now=5.9)
    assert not batcher.is_due(5.9)
    assert batcher.is_due(6.0)
    batcher.add_item("c", 0, now=5.9)
    assert batcher.is_due(5.9)
    assert batcher.take_batch() == ["a", "b", "c"]
    assert not batcher.is_due(1000.0)
    batcher.add_item("large", 100, now=7.0)
    assert batcher.is_due(7.0)


def test_the_first_item_has_room_however_large_it_is() -> None:
    batcher: Batcher[str] = Batcher(most_items=2, most_octets=100)
    assert batcher.has_room_for(101)
    batcher.add_item("a", 60)
    assert batcher.has_room_for(40)
    assert not batcher.has_room_for(41)
    batcher.add_item("b", 1)
    assert not batcher.has_room_for(0)
