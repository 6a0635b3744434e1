"""What the in-process broker owes to the clock that it is given."""

from __future__ import annotations

import asyncio

import pytest

from shared.adapters.memory_broker import OVERHEAD, MemoryBroker
from shared.contract.topology import RELAY_QUEUE, ROUTED_KEY, Topology, topology
from shared.ports.broker import Publication
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def plan() -> Topology:
    return topology([60, 3600])


@pytest.fixture
def broker(plan: Topology, clock: ManualClock) -> MemoryBroker:
    return MemoryBroker(plan, clock)


async def arrived(broker: MemoryBroker) -> list[bytes]:
    """What has come to the relay, found by an event sent after it."""
    await broker.publish([Publication(ROUTED_KEY, b"the last")])
    async with broker.subscribe(RELAY_QUEUE, 100) as subscription:
        deliveries = await subscription.batch(100, 0)
        await subscription.ack(deliveries)
    return [delivery.body for delivery in deliveries[:-1]]


async def test_a_delayed_event_comes_when_its_delay_is_over_and_not_before(
    broker: MemoryBroker, plan: Topology, clock: ManualClock
) -> None:
    await broker.publish([Publication(plan.retry_key(60), b"1")])
    await clock.advance(59.9)
    assert await arrived(broker) == []
    await clock.advance(0.1)
    assert await arrived(broker) == [b"1"]


async def test_every_delayed_event_has_its_own_time(
    broker: MemoryBroker, plan: Topology, clock: ManualClock
) -> None:
    for body, passes in ((b"1", 20.0), (b"2", 20.0), (b"3", 20.0)):
        await broker.publish([Publication(plan.retry_key(60), body)])
        await clock.advance(passes)
    assert await arrived(broker) == [b"1"]
    await clock.advance(20)
    assert await arrived(broker) == [b"2"]
    await clock.advance(3600)
    assert await arrived(broker) == [b"3"]


async def test_a_delay_that_has_run_empty_starts_again(
    broker: MemoryBroker, plan: Topology, clock: ManualClock
) -> None:
    for body in (b"1", b"2"):
        await broker.publish([Publication(plan.retry_key(60), body)])
        await clock.advance(60)
        assert await arrived(broker) == [body]
    assert clock.naps == []


async def test_nobody_wakes_while_nothing_is_due(
    broker: MemoryBroker, plan: Topology, clock: ManualClock
) -> None:
    await broker.publish([Publication(plan.retry_key(delay), b"x") for delay in (60, 60, 3600)])
    await clock.somebody_sleeps()
    await clock.advance(0)

    assert clock.naps == [60, 3600]


async def test_closing_drops_what_is_delayed(
    broker: MemoryBroker, plan: Topology, clock: ManualClock
) -> None:
    await broker.publish([Publication(plan.retry_key(60), b"1")])
    await clock.somebody_sleeps()
    await broker.close()

    assert clock.naps == []


async def test_a_batch_lingers_by_the_clock(broker: MemoryBroker, clock: ManualClock) -> None:
    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        batch = asyncio.ensure_future(subscription.batch(10, 5))
        await broker.publish([Publication(ROUTED_KEY, b"1")])
        await clock.somebody_sleeps()
        await broker.publish([Publication(ROUTED_KEY, b"2")])
        await clock.advance(4.9)
        assert not batch.done()
        await clock.advance(0.1)
        assert [delivery.body for delivery in await batch] == [b"1", b"2"]
        assert clock.naps == []


async def test_a_batch_does_not_linger_for_more_than_the_consumer_may_hold(broker: MemoryBroker) -> None:
    await broker.publish([Publication(ROUTED_KEY, b"x")] * 3)

    async with broker.subscribe(RELAY_QUEUE, 2) as subscription:
        assert len(await subscription.batch(10, 3600)) == 2


async def test_consumers_with_room_take_turns(broker: MemoryBroker) -> None:
    async with broker.subscribe(RELAY_QUEUE, 10) as one, broker.subscribe(RELAY_QUEUE, 10) as other:
        await broker.publish([Publication(ROUTED_KEY, b"%d" % number) for number in range(4)])
        assert [delivery.body for delivery in await one.batch(10, 0)] == [b"0", b"2"]
        assert [delivery.body for delivery in await other.batch(10, 0)] == [b"1", b"3"]


async def test_a_service_that_never_waits_lets_the_others_run(broker: MemoryBroker) -> None:
    ran = asyncio.Event()
    await broker.publish([Publication(ROUTED_KEY, b"x")] * 100)

    async with broker.subscribe(RELAY_QUEUE, 100) as subscription:
        asyncio.get_running_loop().call_soon(ran.set)
        await subscription.batch(1, 0)
        assert ran.is_set()


async def test_what_is_held_is_counted_by_flow_wherever_it_is(
    broker: MemoryBroker, plan: Topology, clock: ManualClock
) -> None:
    await broker.publish([Publication(ROUTED_KEY, b"x" * 100, flow="acme")])
    await broker.publish([Publication(plan.retry_key(60), b"x" * 1000, flow="corp")])
    assert broker.held() == {"acme": 100 + OVERHEAD, "corp": 1000 + OVERHEAD}
    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        deliveries = await subscription.batch(10, 0)
        assert broker.held()["acme"] == 100 + OVERHEAD
        await subscription.ack(deliveries)
        assert broker.held() == {"corp": 1000 + OVERHEAD}
