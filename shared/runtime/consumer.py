"""The loop of a service that consumes events: they are decoded, handled in batches and acknowledged.

An event that cannot be decoded goes to the dead-letter queue at once. Nothing is acknowledged before the
handler has returned. A batch that cannot be handled because the database or the broker is away is requeued
after a pause. A batch that fails because of a defect in Mailferry is handled event by event, and the event
that fails goes to the dead-letter queue, too: its mail is fetched again when its lease is over.

Flows, which are tenants, are served in turn, see `shared/runtime/fair_scheduler.py`. So several batches can
be handled at a time. What takes long, such as asking another server, is handled in the background, with the
same care.
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
from shared.runtime.batch_policy import BatchPolicy, BatchTimer
from shared.runtime.checkpoints import reached
from shared.runtime.fair_scheduler import Batch, FairScheduler
from shared.runtime.stop import Stop

REQUEUE_BACKOFF = Backoff(first=0.5, longest=15.0)
"""How long a batch is held before it is requeued, as the database or the broker is away."""

E = TypeVar("E", bound=Record)

log = structlog.get_logger("mailferry.consuming")


class Received(NamedTuple, Generic[E]):
    """An event together with the delivery it came in."""

    event: E
    delivery: Delivery


Handler = Callable[[Sequence[Received[E]], Subscription], Awaitable[None]]


class Consumer(Generic[E]):
    """Hands the events of one queue to a handler, which acknowledges what it has done."""

    def __init__(
        self,
        broker: Broker,
        queue: str,
        event_type: type[E],
        policy: BatchPolicy,
        handle: Handler[E],
        clock: Clock,
        flow_of: Callable[[E], str] = lambda _event: "",
    ) -> None:
        """`flow_of` returns the flow that an event belongs to."""
        self._broker = broker
        self._queue = queue
        self._event_type = event_type
        self._policy = policy
        self._handle = handle
        self._clock = clock
        self._flow_of = flow_of
        self._failures = 0
        self._background: asyncio.TaskGroup | None = None

    async def run(self, stop: Stop, drain: Callable[[], Awaitable[None]] | None = None) -> None:
        """Consume until `stop` is asked for. Then call `drain` and finish what runs in the background, while
        the subscription still lives, and give the rest back.
        """
        async with (
            self._broker.subscribe(self._queue, self._policy.prefetch) as subscription,
            asyncio.TaskGroup() as background,
        ):
            self._background = background
            await self._serve(subscription, stop, background)
            if drain is not None:
                await drain()

    def handle_in_background(
        self, events: Sequence[Received[E]], subscription: Subscription, handle: Handler[E]
    ) -> None:
        """Have `handle` process these beside the loop. A handler calls this as the last thing it does."""
        assert self._background is not None, "only a handler has work for the background"
        self._background.create_task(self._process(subscription, events, handle))

    async def _serve(self, subscription: Subscription, stop: Stop, background: asyncio.TaskGroup) -> None:
        """Handle what arrives until `stop` is asked for, and finish what was begun."""
        scheduler: FairScheduler[Received[E]] = FairScheduler(self._policy)
        active: dict[asyncio.Future[Any], Batch[Received[E]]] = {}
        timer = BatchTimer(self._clock, self._policy.fill_wait)
        stopping = asyncio.ensure_future(stop.wait())
        arriving = asyncio.ensure_future(self._arrivals(subscription))
        try:
            while True:
                awaited: set[asyncio.Future[Any]] = {stopping, arriving, *active, *timer.awaited}
                done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                if stop.requested:
                    break
                for handled in [each for each in active if each in done]:
                    scheduler.end_batch(active.pop(handled))
                if arriving in done:
                    for received in arriving.result():
                        scheduler.add_event(self._flow_of(received.event), received)
                    arriving = asyncio.ensure_future(self._arrivals(subscription))
                for batch in scheduler.begin_batches(only_full=not (timer.is_over or subscription.is_full)):
                    if batch.is_large:
                        timer.stop()
                    work = self._process(subscription, batch.events, self._handle)
                    active[background.create_task(work)] = batch
                timer.keep_running(scheduler.has_large_backlog)
        finally:
            arriving.cancel()
            stopping.cancel()
            timer.stop()
        if active:
            await asyncio.wait(active)

    async def _arrivals(self, subscription: Subscription) -> Sequence[Received[E]]:
        """Return the next events, decoded."""
        deliveries = await subscription.batch(self._policy.batch, self._policy.linger)
        try:
            return await self._decode(subscription, deliveries)
        except MailferryError as error:
            await self._requeue(subscription, deliveries, error)
            return ()

    async def _process(
        self, subscription: Subscription, received: Sequence[Received[E]], handle: Handler[E]
    ) -> None:
        try:
            await self._handle_safely(subscription, received, handle)
            self._failures = 0
        except MailferryError as error:
            await self._requeue(subscription, [each.delivery for each in received], error)

    async def _requeue(
        self, subscription: Subscription, deliveries: Sequence[Delivery], error: MailferryError
    ) -> None:
        log.warning("events requeued", queue=self._queue, count=len(deliveries), error=error)
        await self._clock.sleep(REQUEUE_BACKOFF.pause(self._failures))
        self._failures += 1
        await subscription.requeue(deliveries)

    async def _handle_safely(
        self, subscription: Subscription, received: Sequence[Received[E]], handle: Handler[E]
    ) -> None:
        try:
            await handle(received, subscription)
        except MailferryError:
            raise
        except Exception:
            if len(received) == 1:
                log.exception("event moved to the dead-letter queue", queue=self._queue)
                await self._move_to_dead_letters(subscription, [received[0].delivery])
                return
            log.exception("events handled one by one", queue=self._queue, count=len(received))
            for each in received:
                await self._handle_safely(subscription, [each], handle)

    async def _decode(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> list[Received[E]]:
        received: list[Received[E]] = []
        undecodable: list[Delivery] = []
        for delivery in deliveries:
            event = self._decode_one(delivery)
            if event is None:
                undecodable.append(delivery)
            else:
                received.append(Received(event, delivery))
        if undecodable:
            await self._move_to_dead_letters(subscription, undecodable)
        return received

    async def _move_to_dead_letters(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
        await self._broker.publish([Publication(DEAD_KEY, delivery.body) for delivery in deliveries])
        reached("consumer.buried")
        await subscription.ack(deliveries)

    def _decode_one(self, delivery: Delivery) -> E | None:
        try:
            event = EVENT_CODEC.decode(delivery.body)
        except Undecodable as error:
            log.error("event moved to the dead-letter queue", queue=self._queue, error=error)
            return None
        except Exception:
            log.exception(
                "event moved to the dead-letter queue because of a defect in Mailferry", queue=self._queue
            )
            return None
        if not isinstance(event, self._event_type):
            log.error(
                "event moved to the dead-letter queue",
                queue=self._queue,
                error=f"unexpected {event.wire_name}",
            )
            return None
        return event
