from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator

import pytest

from services.relay.delivery.ended_attempts import EndedAttempt, EndedAttempts
from shared.adapters.memory_broker import MemoryBroker
from shared.contract.events import MessageRouted, Payload
from shared.contract.topology import RELAY_QUEUE, topology
from shared.custody.commands import Outcomes
from shared.ports.broker import Delivery, Publication, Subscription
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.consumer import Received
from tests.fakes.clock import ManualClock

POLICY = BatchPolicy(prefetch=100, batch=20, linger=0, fill_wait=0.5)
EVENT = MessageRouted(
    message="m", tenant="acme", account="acme/inbox", fetch_no=1, target="exchange", reverse_path="",
    recipients=(), fetched_at=1.0, payload=Payload(octets=1, inline=b"x"),
)  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def broker(clock: ManualClock) -> MemoryBroker:
    return MemoryBroker(topology([60]), clock)


@pytest.fixture
async def subscription(broker: MemoryBroker) -> AsyncIterator[Subscription]:
    """One that may hold three deliveries."""
    async with broker.subscribe(RELAY_QUEUE, 3) as subscription:
        yield subscription


@pytest.fixture
def ended(clock: ManualClock) -> EndedAttempts:
    return EndedAttempts(clock, POLICY)


def begin(ended: EndedAttempts, count: int) -> None:
    for _ in range(count):
        ended.begun()


def end(ended: EndedAttempts, subscription: Subscription, count: int) -> None:
    for number in range(count):
        ended.add(EndedAttempt(Received(EVENT, Delivery(b"", number, 1)), Outcomes("m", ()), subscription))


async def growing(ended: EndedAttempts, clock: ManualClock) -> Task[list[EndedAttempt]]:
    """A batch that waits to be full."""
    batch = asyncio.create_task(ended.batch())
    await clock.somebody_sleeps()
    return batch


async def test_few_do_not_wait_for_more(ended: EndedAttempts, subscription: Subscription) -> None:
    end(ended, subscription, 2)
    assert len(await ended.batch()) == 2


async def test_many_wait_a_while_for_more(
    ended: EndedAttempts, clock: ManualClock, subscription: Subscription
) -> None:
    begin(ended, 16)
    end(ended, subscription, 10)
    batch = await growing(ended, clock)
    end(ended, subscription, 5)
    await clock.advance(0.5)
    assert len(await batch) == 15


async def test_enough_do_not_wait(
    ended: EndedAttempts, clock: ManualClock, subscription: Subscription
) -> None:
    begin(ended, 30)
    end(ended, subscription, 10)
    batch = await growing(ended, clock)
    end(ended, subscription, 12)
    assert len(await batch) == 20
    assert len(await ended.batch()) == 2


async def test_many_do_not_wait_where_no_more_can_come(
    ended: EndedAttempts, broker: MemoryBroker, subscription: Subscription
) -> None:
    """Nothing is delivered before something is acknowledged."""
    await broker.publish([Publication("message.routed", b"x") for _ in range(3)])
    begin(ended, 10)
    end(ended, subscription, 3)
    assert len(await ended.batch()) == 3


async def test_many_do_not_wait_when_the_last_attempt_has_ended(
    ended: EndedAttempts, clock: ManualClock, subscription: Subscription
) -> None:
    begin(ended, 12)
    end(ended, subscription, 10)
    batch = await growing(ended, clock)
    end(ended, subscription, 2)
    assert len(await batch) == 12


async def test_in_a_hurry_nothing_waits(
    ended: EndedAttempts, clock: ManualClock, subscription: Subscription
) -> None:
    begin(ended, 20)
    end(ended, subscription, 10)
    batch = await growing(ended, clock)
    with ended.hurried():
        assert len(await batch) == 10
        end(ended, subscription, 4)
        assert len(await ended.batch()) == 4


async def test_without_time_to_fill_many_do_not_wait(clock: ManualClock, subscription: Subscription) -> None:
    ended = EndedAttempts(clock, BatchPolicy(prefetch=100, batch=20, linger=0))
    begin(ended, 20)
    end(ended, subscription, 10)
    assert len(await ended.batch()) == 10
