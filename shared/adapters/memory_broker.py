"""The in-process broker: the semantics of the real one within one event loop, for standalone and for tests.

Promises what the port says: prefetch, acknowledgement, redelivery, delay queues, unroutable publications.
What it holds dies with the process, as the broker's contents always may. There is no session to lose, so an
epoch is one subscription.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from shared.adapters.dead_letters import DeadLetters
from shared.adapters.memory_queue import DelayQueue, MemorySubscription, Sink, WorkQueue
from shared.contract.topology import DEAD_QUEUE, Queue, Topology, settled_key
from shared.ports.broker import BrokerUnavailable, Publication, Subscription, Unroutable
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
        self._routes: dict[str, list[Sink]] = {}
        self._queues: dict[str, WorkQueue] = {}
        self._delays: list[DelayQueue] = []
        for queue in topology.queues:
            self._routes.setdefault(queue.key, []).append(self._declared(queue))

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Put each into the queues of its key; see the port."""
        if self._closed:
            raise BrokerUnavailable(CLOSED)
        unroutable = []
        for publication in publications:
            sinks = self._routes.get(publication.key)
            if sinks:
                for sink in sinks:
                    sink.put(publication.body, publication.flow)
            elif publication.mandatory:
                unroutable.append(publication)
        if unroutable:
            raise Unroutable(unroutable)

    @asynccontextmanager
    async def subscribe(self, queue: str, prefetch: int) -> AsyncIterator[Subscription]:
        """Consume a queue of the topology. Raises KeyError where it has none of that name."""
        with self._queues[queue].consumed(self._subscription(prefetch)) as subscription:
            yield subscription

    @asynccontextmanager
    async def subscribe_hints(self, fetcher: str, prefetch: int) -> AsyncIterator[Subscription]:
        """Consume the hints for one fetcher; the queue ends with the subscription."""
        queue = WorkQueue()
        sinks = self._routes.setdefault(settled_key(fetcher), [])
        sinks.append(queue)
        try:
            with queue.consumed(self._subscription(prefetch)) as subscription:
                yield subscription
        finally:
            sinks.remove(queue)

    def held(self) -> Mapping[str, int]:
        """How many octets it holds in this process' memory, by flow; counted anew at each call."""
        octets: Counter[str] = Counter()
        sinks: list[Sink] = [*self._queues.values(), *self._delays]
        for sink in sinks:
            for flow, size in sink.held():
                octets[flow] += size + OVERHEAD
        return octets

    def problem(self) -> str | None:
        """None until it is closed."""
        return CLOSED if self._closed else None

    async def close(self) -> None:
        """Refuse publications from now on, and drop what is delayed."""
        self._closed = True
        for delay in self._delays:
            await delay.close()

    def _subscription(self, prefetch: int) -> MemorySubscription:
        if self._closed:
            raise BrokerUnavailable(CLOSED)
        return MemorySubscription(prefetch, next(self._epochs), self._clock)

    def _declared(self, queue: Queue) -> Sink:
        if queue.delay is None or queue.then is None:
            work = self._queues[queue.name] = DeadLetters() if queue.name == DEAD_QUEUE else WorkQueue()
            return work
        then = queue.then
        delay = DelayQueue(queue.delay, self._clock, lambda body, flow: self._hand_over(then, body, flow))
        self._delays.append(delay)
        return delay

    def _hand_over(self, key: str, body: bytes, flow: str) -> None:
        for sink in self._routes[key]:
            sink.put(body, flow)
