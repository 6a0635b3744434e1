"""An event is acknowledged or still there, no consumer holds more than it may, dead letters are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.memory_queue import DeadLetterQueue, MemorySubscription
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import DEAD_KEY, DEAD_QUEUE, RELAY_QUEUE, ROUTED_KEY, topology
from shared.ports.broker import Delivery, Publication, Subscription

PREFETCH = 3
STEPS = st.lists(
    st.tuples(st.sampled_from(["publish", "take", "ack", "requeue", "again", "leave"]), st.integers(0, 1)),
    max_size=40,
)


class Consumer:
    """A consumer that may leave, and then comes as a new one."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._stack = AsyncExitStack()
        self.held: list[Delivery] = []
        self.settled: list[Delivery] = []
        self.subscription: Subscription

    async def come(self) -> None:
        self.subscription = await self._stack.enter_async_context(
            self._broker.subscribe(RELAY_QUEUE, PREFETCH)
        )

    async def leave(self) -> None:
        await self._stack.aclose()
        self.settled += self.held
        self.held = []

    async def take(self) -> None:
        """What is there now; a wait for more is broken off."""
        batch = asyncio.ensure_future(self.subscription.batch(PREFETCH, 0))
        for _ in range(3):
            await asyncio.sleep(0)
        if not batch.cancel():
            self.held += await batch

    def first_held(self) -> list[Delivery]:
        some, self.held = self.held[:2], self.held[2:]
        self.settled += some
        return some


async def lives_through(steps: Sequence[tuple[str, int]]) -> None:
    broker = MemoryBroker(topology([60]), SystemClock())
    consumers = [Consumer(broker), Consumer(broker)]
    for each in consumers:
        await each.come()
    published = 0
    acknowledged: set[bytes] = set()
    for step, number in steps:
        consumer = consumers[number]
        match step:
            case "publish":
                published += 1
                await broker.publish([Publication(ROUTED_KEY, str(published).encode())])
            case "take":
                await consumer.take()
            case "ack":
                done = consumer.first_held()
                acknowledged |= {each.body for each in done}
                await consumer.subscription.ack(done)
            case "requeue":
                await consumer.subscription.requeue(consumer.first_held())
            case "again":
                await consumer.subscription.ack(consumer.settled)
            case _:
                await consumer.leave()
                await consumer.come()
        assert all(len(each.held) <= PREFETCH for each in consumers)
    for each in consumers:
        await each.leave()
    expected = {str(number).encode() for number in range(1, published + 1)} - acknowledged
    async with broker.subscribe(RELAY_QUEUE, 100) as subscription:
        left: list[bytes] = []
        while len(left) < len(expected):
            left += [each.body for each in await subscription.batch(100, 0)]
    assert sorted(left) == sorted(expected)


def test_consumers_take_what_there_is() -> None:
    async def taken() -> list[int]:
        broker = MemoryBroker(topology([60]), SystemClock())
        consumer = Consumer(broker)
        await consumer.come()
        counts = []
        for _ in range(2):
            await consumer.take()
            counts.append(len(consumer.held))
            await broker.publish([Publication(ROUTED_KEY, b"event")] * 5)
        await consumer.take()
        return [*counts, len(consumer.held)]

    assert asyncio.run(taken()) == [0, PREFETCH, PREFETCH]


def test_flows_are_handed_out_in_turn_and_what_is_given_back_keeps_its_flow() -> None:
    async def bodies(subscription: Subscription, count: int) -> list[Delivery]:
        taken: list[Delivery] = []
        while len(taken) < count:
            taken += await subscription.batch(PREFETCH, 0)
        return taken

    async def handed_out() -> tuple[list[bytes], list[bytes]]:
        broker = MemoryBroker(topology([60]), SystemClock())
        large = [Publication(ROUTED_KEY, f"large {number}".encode(), flow="large") for number in range(4)]
        await broker.publish([*large, Publication(ROUTED_KEY, b"small", flow="small")])
        async with broker.subscribe(RELAY_QUEUE, PREFETCH) as subscription:
            first = await bodies(subscription, PREFETCH)
            await subscription.requeue(first)
            again = await bodies(subscription, PREFETCH)
            return [each.body for each in first], [each.body for each in again]

    first, again = asyncio.run(handed_out())
    assert first == again == [b"large 0", b"small", b"large 1"]


@given(STEPS)
def test_no_event_is_lost_or_doubled_whatever_consumers_do(steps: list[tuple[str, int]]) -> None:
    asyncio.run(lives_through(steps))


async def kept(queue: DeadLetterQueue) -> list[bytes]:
    with queue.consumed(MemorySubscription(1000, 1, SystemClock())) as subscription:
        deliveries = await subscription.batch(1000, 0)
        await subscription.ack(deliveries)
    return [delivery.body for delivery in deliveries]


async def test_the_latest_are_kept_and_the_oldest_make_room() -> None:
    queue = DeadLetterQueue(most_events=3)
    for number in range(10):
        queue.put_event(b"%d" % number, "acme")
    assert await kept(queue) == [b"7", b"8", b"9"]
    queue.put_event(b"10", "acme")
    assert await kept(queue) == [b"10"]


async def test_large_ones_count_by_their_octets() -> None:
    queue = DeadLetterQueue(most_octets=100)
    for number in range(5):
        queue.put_event(b"%d" % number * 40, "acme")
    assert await kept(queue) == [b"3" * 40, b"4" * 40]
    queue.put_event(b"x" * 101, "acme")
    queue.put_event(b"y", "acme")
    assert await kept(queue) == [b"y"]


async def test_the_broker_in_the_process_bounds_its_dead_letters() -> None:
    broker = MemoryBroker(topology([60]), SystemClock())
    await broker.publish([Publication(DEAD_KEY, b"%d" % number) for number in range(1500)])
    async with broker.subscribe(DEAD_QUEUE, 2000) as subscription:
        assert len(await subscription.batch(2000, 0.01)) == 1000
