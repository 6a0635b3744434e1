"""The in-process broker, for standalone and for tests: it behaves as RabbitMQ does, within one event loop.

It has prefetch, acknowledgement, redelivery, delay queues and unroutable publications, as the port says. Its
contents are lost with the process, as a broker's contents always may be. There is no session to lose, so an
epoch is one subscription.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from shared.adapters.memory_queue import DeadLetterQueue, DelayQueue, MemorySubscription, Queue, WorkQueue
from shared.contract.topology import DEAD_QUEUE, Topology, settled_key
from shared.contract.topology import Queue as DeclaredQueue
from shared.ports.broker import BrokerUnavailable, Publication, QueueState, Subscription, Unroutable
from shared.ports.clock import Clock

CLOSED = "the in-process broker is closed"
OVERHEAD = 2048
"""Octets that an event takes besides its body, about."""


class MemoryBroker:
    """The queues of `topology` in memory; time passes by `clock`."""

    def __init__(self, topology: Topology, clock: Clock) -> None:
        self._clock = clock
        self._epochs = count(1)
        self._closed = False
        self._queues_by_key: dict[str, list[Queue]] = {}
        self._work_queues: dict[str, WorkQueue] = {}
        self._delay_queues: list[DelayQueue] = []
        self._declared: dict[str, Queue] = {}
        for queue in topology.queues:
            self._declared[queue.name] = self._create_queue(queue)
            self._queues_by_key.setdefault(queue.key, []).append(self._declared[queue.name])

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Put each publication into the queues of its key; see the port."""
        if self._closed:
            raise BrokerUnavailable(CLOSED)
        unroutable = []
        for publication in publications:
            queues = self._queues_by_key.get(publication.key)
            if queues:
                for queue in queues:
                    queue.put_event(publication.body, publication.flow)
            elif publication.mandatory:
                unroutable.append(publication)
        if unroutable:
            raise Unroutable(unroutable)

    @asynccontextmanager
    async def subscribe(self, queue: str, prefetch: int) -> AsyncIterator[Subscription]:
        """Consume a queue of the topology. Raises KeyError where it has none of that name."""
        with self._work_queues[queue].consumed(self._subscription(prefetch)) as subscription:
            yield subscription

    @asynccontextmanager
    async def subscribe_hints(self, fetcher: str, prefetch: int) -> AsyncIterator[Subscription]:
        """Consume the hints for one fetcher; the queue ends with the subscription."""
        queue = WorkQueue()
        queues = self._queues_by_key.setdefault(settled_key(fetcher), [])
        queues.append(queue)
        try:
            with queue.consumed(self._subscription(prefetch)) as subscription:
                yield subscription
        finally:
            queues.remove(queue)

    def held(self) -> Mapping[str, int]:
        """Return the octets in this process's memory by flow; they are counted anew at each call."""
        octets: Counter[str] = Counter()
        queues: list[Queue] = [*self._work_queues.values(), *self._delay_queues]
        for queue in queues:
            for flow, size in queue.held():
                octets[flow] += size + OVERHEAD
        return octets

    async def queue_states(self) -> Sequence[QueueState]:
        """Return how full the queues are."""
        if self._closed:
            raise BrokerUnavailable(CLOSED)
        return [queue.state(name) for name, queue in self._declared.items()]

    def problem(self) -> str | None:
        """Return None until the broker is closed."""
        return CLOSED if self._closed else None

    async def close(self) -> None:
        """Refuse publications from now on, and drop what is delayed."""
        self._closed = True
        for delay in self._delay_queues:
            await delay.close()

    def _subscription(self, prefetch: int) -> MemorySubscription:
        if self._closed:
            raise BrokerUnavailable(CLOSED)
        return MemorySubscription(prefetch, next(self._epochs), self._clock)

    def _create_queue(self, queue: DeclaredQueue) -> Queue:
        if queue.delay is None or queue.then is None:
            work = DeadLetterQueue() if queue.name == DEAD_QUEUE else WorkQueue()
            self._work_queues[queue.name] = work
            return work
        then = queue.then
        delay = DelayQueue(queue.delay, self._clock, lambda body, flow: self._put_event(then, body, flow))
        self._delay_queues.append(delay)
        return delay

    def _put_event(self, key: str, body: bytes, flow: str) -> None:
        for queue in self._queues_by_key[key]:
            queue.put_event(body, flow)
