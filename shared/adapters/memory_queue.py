"""The queues of the in-process broker.

A work queue hands an event to a consumer with room as soon as there is both, flow by flow; what a consumer
gives back goes to the front, in its old order, marked as redelivered. A delay queue wakes once per waiting
head, never to look whether it is time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from shared.adapters.inbox import Inbox
from shared.model.fair_queue import FairQueue
from shared.ports.broker import Delivery
from shared.ports.clock import Clock


class Sink(Protocol):
    """Takes the events of a routing key."""

    def held(self) -> Iterator[tuple[str, int]]:
        """Flow and octets of each event that is held, in its consumers' hands too."""
        ...

    def put(self, body: bytes, flow: str) -> None:
        """Take an event of a flow."""
        ...


class MemorySubscription:
    """One consumer of a work queue."""

    def __init__(self, prefetch: int, epoch: int, clock: Clock) -> None:
        if prefetch < 1:
            raise ValueError("a consumer must be allowed to hold at least one delivery")
        self._prefetch = prefetch
        self._epoch = epoch
        self._inbox = Inbox(clock)
        self._unsettled: dict[int, Delivery] = {}
        self._tag = 0
        self._settled: Callable[[Sequence[Delivery]], None] = lambda _: None

    @property
    def is_full(self) -> bool:
        """See the port."""
        return len(self._unsettled) >= self._prefetch

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        """The next deliveries; see the port."""
        return await self._inbox.batch(min(limit, self._prefetch), linger)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Forget these."""
        self._take(deliveries)
        self._settled(())

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Give these back to the queue."""
        self._settled(self._take(deliveries))

    def attach(self, settled: Callable[[Sequence[Delivery]], None]) -> None:
        """From now on say `settled` when there is room again, with what goes back to the queue."""
        self._settled = settled

    def detach(self) -> Sequence[Delivery]:
        """Take no more; everything unsettled, oldest first."""
        self._settled = lambda _: None
        self._inbox.clear()
        unsettled = list(self._unsettled.values())
        self._unsettled.clear()
        return unsettled

    def unsettled(self) -> Iterator[tuple[str, int]]:
        """Flow and octets of each event that is not settled yet."""
        return ((each.flow, len(each.body)) for each in self._unsettled.values())

    def deliver(self, body: bytes, flow: str, redelivered: bool) -> None:
        """Hold an event until it is settled."""
        self._tag = tag = self._tag + 1
        self._unsettled[tag] = delivery = Delivery(body, tag, self._epoch, redelivered, flow)
        self._inbox.put(delivery)

    def _take(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        return [
            delivery
            for delivery in deliveries
            if delivery.epoch == self._epoch and self._unsettled.pop(delivery.tag, None) is not None
        ]


class WorkQueue:
    """Events in the order of their flows, handed to consumers in turn."""

    def __init__(self) -> None:
        self._ready: FairQueue[tuple[bytes, str, bool]] = FairQueue()
        self._consumers: deque[MemorySubscription] = deque()

    def put(self, body: bytes, flow: str) -> None:
        """Take an event; a consumer gets it at once if the queue is empty and one has room."""
        if not self._ready and (consumer := self._next()):
            consumer.deliver(body, flow, False)
        else:
            self._ready.append(flow, (body, flow, False))

    def held(self) -> Iterator[tuple[str, int]]:
        """Flow and octets of each event that is ready, or in a consumer's hands."""
        yield from ((flow, len(body)) for body, flow, _ in self._ready)
        for consumer in self._consumers:
            yield from consumer.unsettled()

    @contextmanager
    def consumed(self, consumer: MemorySubscription) -> Iterator[MemorySubscription]:
        """`consumer` gets events while inside; afterwards its unsettled ones are handed out again."""
        consumer.attach(self._settled)
        self._consumers.append(consumer)
        self._hand_out()
        try:
            yield consumer
        finally:
            self._consumers.remove(consumer)
            self._settled(consumer.detach())

    def _settled(self, returned: Sequence[Delivery]) -> None:
        for delivery in reversed(returned):
            self._ready.appendleft(delivery.flow, (delivery.body, delivery.flow, True))
        self._hand_out()

    def _hand_out(self) -> None:
        ready = self._ready
        while ready and (consumer := self._next()):
            consumer.deliver(*ready.popleft())

    def _next(self) -> MemorySubscription | None:
        consumers = self._consumers
        for _ in range(len(consumers)):
            consumer = consumers[0]
            consumers.rotate(-1)
            if not consumer.is_full:
                return consumer
        return None


class DelayQueue:
    """Events that wait `delay` seconds each and are then handed to `then`."""

    def __init__(self, delay: float, clock: Clock, then: Callable[[bytes, str], None]) -> None:
        self._delay = delay
        self._clock = clock
        self._then = then
        self._waiting: deque[tuple[float, bytes, str]] = deque()
        self._waker: asyncio.Task[None] | None = None

    def put(self, body: bytes, flow: str) -> None:
        """Take an event."""
        self._waiting.append((self._clock.monotonic() + self._delay, body, flow))
        if self._waker is None:
            self._waker = asyncio.ensure_future(self._hand_over_when_due())

    def held(self) -> Iterator[tuple[str, int]]:
        """Flow and octets of each event that waits."""
        return ((flow, len(body)) for _, body, flow in self._waiting)

    async def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        if self._waker is not None:
            self._waker.cancel()
            await asyncio.wait({self._waker})

    async def _hand_over_when_due(self) -> None:
        while self._waiting:
            due, _, _ = self._waiting[0]
            remaining = due - self._clock.monotonic()
            if remaining > 0:
                await self._clock.sleep(remaining)
            while self._waiting and self._waiting[0][0] <= self._clock.monotonic():
                _, body, flow = self._waiting.popleft()
                self._then(body, flow)
        self._waker = None
