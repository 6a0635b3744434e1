"""Whatever consumers do, an event is acknowledged or still there, and nobody holds more than he may."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import RELAY_QUEUE, ROUTED_KEY, topology
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
