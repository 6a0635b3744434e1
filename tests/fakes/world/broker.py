"""A broker whose contents can be wiped while all processes stay connected."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

from shared.contract.topology import Topology, hint_queue, settled_key
from shared.ports.broker import BrokerUnavailable, Delivery, Publication, QueueState, Subscription, Unroutable
from tests.fakes.world.process import EffectFault, Process


class WorkQueue:
    """Events in order. Those handed out stay known until they are settled."""

    def __init__(self) -> None:
        self.ready: deque[tuple[bytes, bool]] = deque()
        self.unsettled: dict[int, bytes] = {}
        self.filled = asyncio.Event()

    def put(self, body: bytes, *, redelivered: bool = False) -> None:
        self.ready.append((body, redelivered))
        self.filled.set()

    def wipe(self) -> None:
        self.ready.clear()
        self.unsettled.clear()


class PlayedBroker:
    """The queues of a topology, for all processes."""

    def __init__(self, topology: Topology, loop: asyncio.AbstractEventLoop) -> None:
        self._topology = topology
        self._loop = loop
        self._timers: set[asyncio.TimerHandle] = set()
        self._tags = count(1)
        self.queues = {queue.name: WorkQueue() for queue in topology.queues if queue.delay is None}
        self._by_key = {queue.key: queue for queue in topology.queues}

    @property
    def is_empty(self) -> bool:
        """Whether no events are left, except hints."""
        working = (queue for name, queue in self.queues.items() if name != "mailferry.dead")
        return not self._timers and not any(queue.ready or queue.unsettled for queue in working)

    def put(self, publication: Publication) -> bool:
        """Take an event. Return False where no queue takes it."""
        queue = self._by_key.get(publication.key)
        if queue is not None and queue.delay is not None and queue.then is not None:
            self._delay(queue.delay, Publication(queue.then, publication.body))
            return True
        name = queue.name if queue else hint_queue(publication.key.removeprefix(settled_key("")))
        if name not in self.queues:
            return False
        self.queues[name].put(publication.body)
        return True

    def _delay(self, seconds: float, publication: Publication) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self.put(publication)

        timer = self._loop.call_later(seconds, due)
        self._timers.add(timer)

    def take(self, queue: WorkQueue, limit: int) -> list[Delivery]:
        taken: list[Delivery] = []
        while queue.ready and len(taken) < limit:
            body, redelivered = queue.ready.popleft()
            tag = next(self._tags)
            queue.unsettled[tag] = body
            taken.append(Delivery(body, tag, 1, redelivered))
        return taken

    def wipe(self) -> None:
        """Lose everything."""
        for queue in self.queues.values():
            queue.wipe()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class BrokerInTurn:
    """The broker as one process sees it."""

    def __init__(self, broker: PlayedBroker, process: Process) -> None:
        self._broker = broker
        self._process = process

    async def publish(self, publications: Sequence[Publication]) -> None:
        if not publications:
            return
        keys = ", ".join(sorted({each.key for each in publications}))
        fault = await self._process.turn(f"publish {keys}")
        if fault is EffectFault.FAILS:
            raise BrokerUnavailable("the broker is away")
        unroutable = [each for each in publications if not self._broker.put(each) and each.mandatory]
        if fault is EffectFault.UNHEARD:
            raise BrokerUnavailable("the broker went away")
        if unroutable:
            raise Unroutable(unroutable)

    @asynccontextmanager
    async def subscribe(self, queue: str, prefetch: int) -> AsyncIterator[Subscription]:
        yield SubscriptionInTurn(self._broker, self._broker.queues[queue], self._process, queue)

    @asynccontextmanager
    async def subscribe_hints(self, fetcher: str, prefetch: int) -> AsyncIterator[Subscription]:
        name = hint_queue(fetcher)
        queue = self._broker.queues[name] = WorkQueue()
        try:
            yield SubscriptionInTurn(self._broker, queue, self._process, "hints")
        finally:
            del self._broker.queues[name]

    async def queue_states(self) -> Sequence[QueueState]:
        return [QueueState(name, len(queue.ready), 0) for name, queue in self._broker.queues.items()]

    def problem(self) -> str | None:
        return None

    async def close(self) -> None:
        """There is nothing to close."""


class SubscriptionInTurn:
    """A queue that one process consumes. Its events go back when the process dies."""

    def __init__(self, broker: PlayedBroker, queue: WorkQueue, process: Process, name: str) -> None:
        self._broker = broker
        self._queue = queue
        self._process = process
        self._name = name
        self._held: dict[int, Delivery] = {}
        process.at_death(self._give_back)

    @property
    def is_full(self) -> bool:
        return False

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        while True:
            while not self._queue.ready:
                self._queue.filled.clear()
                await self._queue.filled.wait()
            await self._process.turn(f"take {self._name}")
            if taken := self._broker.take(self._queue, limit):
                self._held |= {each.tag: each for each in taken}
                return taken

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            await self._process.effect(f"ack {self._name}", lambda: self._settle(deliveries))

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        await self._process.effect(f"requeue {self._name}", lambda: self._return(deliveries))

    def _settle(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        for each in deliveries:
            self._held.pop(each.tag, None)
        return [each for each in deliveries if self._queue.unsettled.pop(each.tag, None) is not None]

    def _return(self, deliveries: Sequence[Delivery]) -> None:
        for each in self._settle(deliveries):
            self._queue.put(each.body, redelivered=True)

    def _give_back(self) -> None:
        self._return([*self._held.values()])
