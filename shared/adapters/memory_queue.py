"""The queues of the in-process broker.

A work queue hands an event to a consumer as soon as one has room, flow by flow. Events that a consumer gives
back go to the front, in their old order, marked as redelivered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog
from typing_extensions import override

from shared.model.batcher import BatchQueue
from shared.model.fair_queue import FairQueue
from shared.ports.broker import Delivery, QueueState
from shared.ports.clock import Clock

MOST_DEAD_EVENTS = 1000
MOST_DEAD_OCTETS = 16 * 1024 * 1024
ONE_FLOW = ""

log = structlog.get_logger("mailferry.broker")


class Queue(Protocol):
    """Takes the events of a routing key."""

    def held(self) -> Iterator[tuple[str, int]]:
        """Yield flow and octets of each event in memory, those that consumers hold included."""
        ...

    def state(self, name: str) -> QueueState:
        """Return how full the queue is; it has this name."""
        ...

    def put_event(self, body: bytes, flow: str) -> None:
        """Take an event of a flow."""
        ...


class MemorySubscription:
    """One consumer of a work queue."""

    def __init__(self, prefetch: int, epoch: int, clock: Clock) -> None:
        if prefetch < 1:
            raise ValueError("a consumer must be allowed to hold at least one delivery")
        self._prefetch = prefetch
        self._epoch = epoch
        self._deliveries: BatchQueue[Delivery] = BatchQueue(clock.sleep)
        self._unsettled: dict[int, Delivery] = {}
        self._tag = 0
        self._on_settled: Callable[[Sequence[Delivery]], None] = lambda _: None

    @property
    def is_full(self) -> bool:
        """See the port."""
        return len(self._unsettled) >= self._prefetch

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        """Return the next deliveries; see the port."""
        return await self._deliveries.next_batch(min(limit, self._prefetch), linger)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Forget these deliveries."""
        self._settle(deliveries)
        self._on_settled(())

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Give these deliveries back to the queue."""
        self._on_settled(self._settle(deliveries))

    def attach(self, on_settled: Callable[[Sequence[Delivery]], None]) -> None:
        """Call `on_settled` from now on when there is room again, with what goes back to the queue."""
        self._on_settled = on_settled

    def detach(self) -> Sequence[Delivery]:
        """Take no more events; return the unsettled deliveries, oldest first."""
        self._on_settled = lambda _: None
        self._deliveries.clear()
        unsettled = list(self._unsettled.values())
        self._unsettled.clear()
        return unsettled

    def unsettled(self) -> Iterator[tuple[str, int]]:
        """Yield flow and octets of each event that is not settled yet."""
        return ((each.flow, len(each.body)) for each in self._unsettled.values())

    def deliver(self, body: bytes, flow: str, redelivered: bool) -> None:
        """Hold an event until it is settled."""
        self._tag = tag = self._tag + 1
        self._unsettled[tag] = delivery = Delivery(body, tag, self._epoch, redelivered, flow)
        self._deliveries.add_item(flow, delivery)

    def _settle(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Forget these deliveries; return those of this session that were not settled before."""
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

    def put_event(self, body: bytes, flow: str) -> None:
        """Take an event; a consumer gets it at once if the queue is empty and a consumer has room."""
        if not self._ready and (consumer := self._next_consumer()):
            consumer.deliver(body, flow, False)
        else:
            self._ready.append(flow, (body, flow, False))

    def held(self) -> Iterator[tuple[str, int]]:
        """Yield flow and octets of each event that is ready or held by a consumer."""
        yield from ((flow, len(body)) for body, flow, _ in self._ready)
        for consumer in self._consumers:
            yield from consumer.unsettled()

    def state(self, name: str) -> QueueState:
        """Return how full the queue is."""
        return QueueState(name, len(self._ready), len(self._consumers))

    @contextmanager
    def consumed(self, consumer: MemorySubscription) -> Iterator[MemorySubscription]:
        """Hand events to `consumer` while inside; afterwards hand out its unsettled ones again."""
        consumer.attach(self._on_settled)
        self._consumers.append(consumer)
        self._hand_out()
        try:
            yield consumer
        finally:
            self._consumers.remove(consumer)
            self._on_settled(consumer.detach())

    def _on_settled(self, returned: Sequence[Delivery]) -> None:
        for delivery in reversed(returned):
            self._ready.appendleft(delivery.flow, (delivery.body, delivery.flow, True))
        self._hand_out()

    def _hand_out(self) -> None:
        ready = self._ready
        while ready and (consumer := self._next_consumer()):
            consumer.deliver(*ready.popleft())

    def _next_consumer(self) -> MemorySubscription | None:
        consumers = self._consumers
        for _ in range(len(consumers)):
            consumer = consumers[0]
            consumers.rotate(-1)
            if not consumer.is_full:
                return consumer
        return None


class DeadLetterQueue(WorkQueue):
    """A work queue that nobody consumes: it drops its oldest events beyond so many events or octets.

    No mail is lost with them: the mail of a dead event is still at its source, and is fetched again when its
    lease is over. Each dead letter was logged when it was published.
    """

    def __init__(self, most_events: int = MOST_DEAD_EVENTS, most_octets: int = MOST_DEAD_OCTETS) -> None:
        super().__init__()
        self._most_events = most_events
        self._most_octets = most_octets
        self._sizes: deque[int] = deque()
        self._octets = 0

    @override
    def put_event(self, body: bytes, flow: str) -> None:
        """Take an event; all are one flow here, so that the oldest is the first."""
        if not self._ready:
            self._sizes.clear()
            self._octets = 0
        super().put_event(body, ONE_FLOW)
        self._sizes.append(len(body))
        self._octets += len(body)
        dropped = 0
        while self._ready and (len(self._sizes) > self._most_events or self._octets > self._most_octets):
            self._ready.popleft()
            self._octets -= self._sizes.popleft()
            dropped += 1
        if dropped:
            log.warning("dead letters dropped", count=dropped)


class DelayQueue:
    """Passes each event on to `deliver` after `delay` seconds. One timer runs, for the first event."""

    def __init__(self, delay: float, clock: Clock, deliver: Callable[[bytes, str], None]) -> None:
        self._delay = delay
        self._clock = clock
        self._deliver = deliver
        self._waiting: deque[tuple[float, bytes, str]] = deque()
        self._timer: asyncio.Task[None] | None = None

    def put_event(self, body: bytes, flow: str) -> None:
        """Take an event."""
        self._waiting.append((self._clock.monotonic() + self._delay, body, flow))
        if self._timer is None:
            self._timer = asyncio.ensure_future(self._deliver_when_due())

    def held(self) -> Iterator[tuple[str, int]]:
        """Yield flow and octets of each event that waits."""
        return ((flow, len(body)) for _, body, flow in self._waiting)

    def state(self, name: str) -> QueueState:
        """Return how many events wait for their time."""
        return QueueState(name, len(self._waiting), 0)

    async def close(self) -> None:
        """Drop the events that wait."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.wait({self._timer})

    async def _deliver_when_due(self) -> None:
        while self._waiting:
            due, _, _ = self._waiting[0]
            remaining = due - self._clock.monotonic()
            if remaining > 0:
                await self._clock.sleep(remaining)
            while self._waiting and self._waiting[0][0] <= self._clock.monotonic():
                _, body, flow = self._waiting.popleft()
                self._deliver(body, flow)
        self._timer = None
