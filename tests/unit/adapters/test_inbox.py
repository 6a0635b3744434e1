"""Deliveries between their arrival and a service that takes them in batches."""

from __future__ import annotations

import asyncio

import pytest

from shared.adapters.inbox import Inbox
from shared.ports.broker import Delivery
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def inbox(clock: ManualClock) -> Inbox:
    return Inbox(clock)


def delivery(tag: int) -> Delivery:
    return Delivery(b"", tag, 1)


async def test_two_takers_never_get_the_same_delivery(inbox: Inbox) -> None:
    takers = [asyncio.ensure_future(inbox.batch(1, 0)) for _ in range(2)]
    await asyncio.sleep(0)
    inbox.put(delivery(1))
    inbox.put(delivery(2))

    assert sorted(each.tag for batch in await asyncio.gather(*takers) for each in batch) == [1, 2]


async def test_a_taker_that_comes_too_late_goes_on_waiting(inbox: Inbox) -> None:
    takers = [asyncio.ensure_future(inbox.batch(10, 0)) for _ in range(2)]
    await asyncio.sleep(0)
    inbox.put(delivery(1))
    done, waiting = await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (1, 1)
    inbox.put(delivery(2))

    assert [each.tag for each in await waiting.pop()] == [2]


async def test_a_session_that_ends_while_a_batch_lingers_takes_its_deliveries_along(
    inbox: Inbox, clock: ManualClock
) -> None:
    batch = asyncio.ensure_future(inbox.batch(10, 5))
    inbox.put(delivery(1))
    await clock.somebody_sleeps()
    inbox.clear()
    await clock.advance(5)
    assert not batch.done()
    inbox.put(delivery(2))
    await clock.somebody_sleeps()
    await clock.advance(5)

    assert [each.tag for each in await batch] == [2]


async def test_a_batch_that_is_cancelled_while_it_lingers_takes_nothing(
    inbox: Inbox, clock: ManualClock
) -> None:
    batch = asyncio.ensure_future(inbox.batch(10, 5))
    inbox.put(delivery(1))
    await clock.somebody_sleeps()
    batch.cancel()
    await asyncio.wait({batch})

    assert [each.tag for each in await inbox.batch(10, 0)] == [1]
    assert clock.naps == []
