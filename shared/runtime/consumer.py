"""The loop of a service that consumes events: batches, decoded, handled, acknowledged.

An event that cannot be decoded goes to the dead-letter queue at once. A batch that cannot be handled because
the database or the broker is away is handed back after a pause; nothing is acknowledged before the handler
has done its work. A batch over which the handler stumbles, by a mistake of ours, is handled event by event,
and the event that is at fault goes to the dead letters, too: its mail comes again when its lease is over.

Flows, which are tenants, take turns, and who has little does not wait for the batch of who has much: see
`shared/runtime/fair_scheduler.py`. So several batches can be handled at a time.

What takes long, such as asking somebody else, is set aside: it is handled beside the loop, and with the same
care.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import structlog

from shared.contract.codec import EVENT_CODEC, Undecodable
from shared.contract.events import Record
from shared.contract.topology import DEAD_KEY
from shared.model.backoff import Backoff
from shared.model.errors import MailferryError
from shared.ports.broker import Broker, Delivery, Publication, Subscription
from shared.ports.clock import Clock
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.batch_timer import BatchTimer
from shared.runtime.checkpoints import reached
from shared.runtime.fair_scheduler import Batch, FairScheduler
from shared.runtime.stop import Stop

HAND_BACK = Backoff(first=0.5, longest=15.0)
"""Before a batch is handed back because database or broker is away."""

E = TypeVar("E", bound=Record)

log = structlog.get_logger("mailferry.consuming")


class Received(NamedTuple, Generic[E]):
    """An event together with the delivery it came in."""

    event: E
    delivery: Delivery


Handler = Callable[[Sequence[Received[E]], Subscription], Awaitable[None]]


class Consumer(Generic[E]):
    """Feeds the events of one queue to a handler, which acknowledges what it has done."""

    def __init__(
        self,
        broker: Broker,
        queue: str,
        kind: type[E],
        appetite: BatchPolicy,
        handle: Handler[E],
        clock: Clock,
        flow_of: Callable[[E], str] = lambda _event: "",
    ) -> None:
        """`flow_of` tells whose turn an event is in."""
        self._broker = broker
        self._queue = queue
        self._kind = kind
        self._appetite = appetite
        self._handle = handle
        self._clock = clock
        self._flow_of = flow_of
        self._failures = 0
        self._beside: asyncio.TaskGroup | None = None

    async def run(self, stop: Stop, drain: Callable[[], Awaitable[None]] | None = None) -> None:
        """Consume until `stop` is asked for; then `drain` and finish what was set aside, while the
        subscription still lives, and give the rest back.
        """
        async with (
            self._broker.subscribe(self._queue, self._appetite.prefetch) as subscription,
            asyncio.TaskGroup() as beside,
        ):
            self._beside = beside
            await self._serve(subscription, stop, beside)
            if drain is not None:
                await drain()

    def set_aside(
        self, events: Sequence[Received[E]], subscription: Subscription, handle: Handler[E]
    ) -> None:
        """Have `handle` do these beside the loop. To be called by the handler, as the last thing it does."""
        assert self._beside is not None, "only a handler sets aside"
        self._beside.create_task(self._process(subscription, events, handle))

    async def _serve(self, subscription: Subscription, stop: Stop, beside: asyncio.TaskGroup) -> None:
        """Handle what comes until `stop` is asked for, and finish what was begun."""
        dispatch: FairScheduler[Received[E]] = FairScheduler(self._appetite)
        under_way: dict[asyncio.Future[Any], Batch[Received[E]]] = {}
        filling = BatchTimer(self._clock, self._appetite.filling)
        stopping = asyncio.ensure_future(stop.wait())
        arriving = asyncio.ensure_future(self._arrivals(subscription))
        try:
            while True:
                waits: set[asyncio.Future[Any]] = {stopping, arriving, *under_way, *filling.awaited}
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if stop.requested:
                    break
                for handled in [each for each in under_way if each in done]:
                    dispatch.ended(under_way.pop(handled))
                if arriving in done:
                    for received in arriving.result():
                        dispatch.add(self._flow_of(received.event), received)
                    arriving = asyncio.ensure_future(self._arrivals(subscription))
                for batch in dispatch.begun(full=not (filling.is_over or subscription.is_full)):
                    if batch.long:
                        filling.stop()
                    work = self._process(subscription, batch.things, self._handle)
                    under_way[beside.create_task(work)] = batch
                filling.go_on(dispatch.has_much)
        finally:
            arriving.cancel()
            stopping.cancel()
            filling.stop()
        if under_way:
            await asyncio.wait(under_way)

    async def _arrivals(self, subscription: Subscription) -> Sequence[Received[E]]:
        """The next events, understood."""
        deliveries = await subscription.batch(self._appetite.batch, self._appetite.linger)
        try:
            return await self._decode(subscription, deliveries)
        except MailferryError as error:
            await self._hand_back(subscription, deliveries, error)
            return ()

    async def _process(
        self, subscription: Subscription, received: Sequence[Received[E]], handle: Handler[E]
    ) -> None:
        try:
            await self._handled(subscription, received, handle)
            self._failures = 0
        except MailferryError as error:
            await self._hand_back(subscription, [each.delivery for each in received], error)

    async def _hand_back(
        self, subscription: Subscription, deliveries: Sequence[Delivery], error: MailferryError
    ) -> None:
        log.warning("events handed back", queue=self._queue, count=len(deliveries), error=error)
        await self._clock.sleep(HAND_BACK.pause(self._failures))
        self._failures += 1
        await subscription.requeue(deliveries)

    async def _handled(
        self, subscription: Subscription, received: Sequence[Received[E]], handle: Handler[E]
    ) -> None:
        try:
            await handle(received, subscription)
        except MailferryError:
            raise
        except Exception:
            if len(received) == 1:
                log.exception("event moved to the dead-letter queue", queue=self._queue)
                await self._bury(subscription, [received[0].delivery])
                return
            log.exception("events handled one by one", queue=self._queue, count=len(received))
            for each in received:
                await self._handled(subscription, [each], handle)

    async def _decode(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> list[Received[E]]:
        received: list[Received[E]] = []
        poison: list[Delivery] = []
        for delivery in deliveries:
            event = self._understood(delivery)
            if event is None:
                poison.append(delivery)
            else:
                received.append(Received(event, delivery))
        if poison:
            await self._bury(subscription, poison)
        return received

    async def _bury(self, subscription: Subscription, poison: Sequence[Delivery]) -> None:
        await self._broker.publish([Publication(DEAD_KEY, delivery.body) for delivery in poison])
        reached("consumer.buried")
        await subscription.ack(poison)

    def _understood(self, delivery: Delivery) -> E | None:
        try:
            event = EVENT_CODEC.decode(delivery.body)
        except Undecodable as error:
            log.error("event moved to the dead-letter queue", queue=self._queue, error=error)
            return None
        except Exception:
            log.exception(
                "event moved to the dead-letter queue, over a mistake in Mailferry", queue=self._queue
            )
            return None
        if not isinstance(event, self._kind):
            log.error(
                "event moved to the dead-letter queue",
                queue=self._queue,
                error=f"unexpected {event.wire_name}",
            )
            return None
        return event
