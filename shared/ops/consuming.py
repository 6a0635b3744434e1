"""The loop of a service that consumes events: batches, decoded, handled, acknowledged.

An event that cannot be decoded goes to the dead-letter queue at once. A batch that cannot be handled because
the database or the broker is away is handed back after a pause; nothing is acknowledged before the handler
has done its work. A batch over which the handler stumbles, by a mistake of ours, is handled event by event,
and the event that is at fault goes to the dead letters, too: its mail comes again when its lease is over.

What takes long, such as asking somebody else, is set aside: it is handled beside the loop, and with the same
care.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from shared.contract.codec import EVENT_CODEC, Undecodable
from shared.contract.events import Record
from shared.contract.topology import DEAD_KEY
from shared.model.errors import MailferryError
from shared.ops.checkpoints import reached
from shared.ops.stopping import Stop
from shared.ports.broker import Broker, Delivery, Publication, Subscription
from shared.ports.clock import Clock

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0

E = TypeVar("E", bound=Record)

log = structlog.get_logger("mailferry.consuming")


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event together with the delivery it came in."""

    event: E
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Appetite:
    """How much is taken at a time: unsettled deliveries, deliveries per batch, seconds to wait for a batch to
    fill.
    """

    prefetch: int
    batch: int
    linger: float


Handler = Callable[[Sequence[Received[E]], Subscription], Awaitable[None]]


class Consumer(Generic[E]):
    """Feeds the events of one queue to a handler, which acknowledges what it has done."""

    def __init__(
        self, broker: Broker, queue: str, kind: type[E], appetite: Appetite, handle: Handler[E], clock: Clock
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._kind = kind
        self._appetite = appetite
        self._handle = handle
        self._clock = clock
        self._pause = FIRST_PAUSE
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
            while (deliveries := await self._next_batch(subscription, stop)) is not None:
                await self._process(subscription, deliveries, self._handle)
            if drain is not None:
                await drain()

    def set_aside(
        self, events: Sequence[Received[E]], subscription: Subscription, handle: Handler[E]
    ) -> None:
        """Have `handle` do these beside the loop. To be called by the handler, as the last thing it does."""
        assert self._beside is not None, "only a handler sets aside"
        deliveries = [each.delivery for each in events]
        self._beside.create_task(self._process(subscription, deliveries, handle))

    async def _next_batch(self, subscription: Subscription, stop: Stop) -> Sequence[Delivery] | None:
        batch = asyncio.ensure_future(subscription.batch(self._appetite.batch, self._appetite.linger))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({batch, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return None if stop.asked else await batch
        finally:
            batch.cancel()
            stopping.cancel()

    async def _process(
        self, subscription: Subscription, deliveries: Sequence[Delivery], handle: Handler[E]
    ) -> None:
        try:
            received = await self._decode(subscription, deliveries)
            if received:
                await self._handled(subscription, received, handle)
            self._pause = FIRST_PAUSE
        except MailferryError as error:
            log.warning("events handed back", queue=self._queue, count=len(deliveries), error=error)
            await self._clock.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
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
