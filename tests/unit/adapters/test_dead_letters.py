"""Dead letters in memory stay bounded."""

from __future__ import annotations

from shared.adapters.dead_letters import DeadLetters
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.memory_queue import MemorySubscription
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import DEAD_KEY, DEAD_QUEUE, topology
from shared.ports.broker import Publication


async def kept(queue: DeadLetters) -> list[bytes]:
    with queue.consumed(MemorySubscription(1000, 1, SystemClock())) as subscription:
        deliveries = await subscription.batch(1000, 0)
        await subscription.ack(deliveries)
    return [delivery.body for delivery in deliveries]


async def test_the_latest_are_kept_and_the_oldest_make_room() -> None:
    queue = DeadLetters(events=3)
    for number in range(10):
        queue.put(b"%d" % number, "acme")
    assert await kept(queue) == [b"7", b"8", b"9"]
    queue.put(b"10", "acme")
    assert await kept(queue) == [b"10"]


async def test_large_ones_count_by_their_octets() -> None:
    queue = DeadLetters(octets=100)
    for number in range(5):
        queue.put(b"%d" % number * 40, "acme")
    assert await kept(queue) == [b"3" * 40, b"4" * 40]
    queue.put(b"x" * 101, "acme")
    queue.put(b"y", "acme")
    assert await kept(queue) == [b"y"]


async def test_the_broker_in_the_process_bounds_its_dead_letters() -> None:
    broker = MemoryBroker(topology([60]), SystemClock())
    await broker.publish([Publication(DEAD_KEY, b"%d" % number) for number in range(1500)])
    async with broker.subscribe(DEAD_QUEUE, 2000) as subscription:
        assert len(await subscription.batch(2000, 0.01)) == 1000
