"""Subscriptions that outlive their sessions.

An epoch names one channel, so that a tag is never settled on a channel that it does not belong to. The
deliveries of a lost session are forgotten here; RabbitMQ delivers them again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from pika.exceptions import AMQPError

from shared.adapters.rabbitmq.channel import Channel
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.parcel import Unreadable, unpacked
from shared.adapters.rabbitmq.tags import UnsettledTags
from shared.model.batcher import BatchQueue
from shared.ports.broker import BrokerUnavailable, Delivery
from shared.ports.clock import Clock

QueueToConsume = Callable[[Channel], Awaitable[str]]
"""Returns the name of the queue, after declaring it where it belongs to the session."""

EVENTS_IN_A_PARCEL = 20
"""A parcel often holds about so many, so a consumer asks for fewer messages than it may hold events."""


class RabbitMqSubscription:
    """A queue being consumed, on one channel after another; `queue` is its name in the latest session."""

    def __init__(self, named: QueueToConsume, prefetch: int, epochs: Iterator[int], clock: Clock) -> None:
        if prefetch < 1:
            raise ValueError("a consumer must be allowed to hold at least one delivery")
        self._named = named
        self._prefetch = prefetch
        self._epochs = epochs
        self._epoch = 0
        self._deliveries: BatchQueue[Delivery] = BatchQueue(clock.sleep)
        self._tags = UnsettledTags()
        self._channel: Channel | None = None
        self.attached = False
        self.queue = ""

    @property
    def is_full(self) -> bool:
        """See the port."""
        return len(self._tags) >= _messages(self._prefetch)

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        """Return the next deliveries; see the port."""
        return await self._deliveries.next_batch(min(limit, self._prefetch), linger)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge these."""
        if self._channel:
            self._settle(deliveries, self._channel, again=False)

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Hand these back to the queue."""
        if self._channel:
            self._settle(deliveries, self._channel, again=True)

    async def attach(self, connection: Connection) -> None:
        """Consume on a new channel of `connection`. Raises BrokerUnavailable."""
        channel = await connection.channel(vital=True)
        self.detach()
        self._channel = channel
        self._epoch = epoch = next(self._epochs)
        waiting, tags = self._deliveries, self._tags

        def on_message(_channel: object, method: Any, properties: Any, body: bytes) -> None:
            events = _events(properties.type, body)
            for number, event in zip(tags.add(method.delivery_tag, len(events)), events, strict=True):
                waiting.add_item("", Delivery(event, number, epoch, method.redelivered))

        queue = self.queue = await self._named(channel)
        channel.amqp.add_on_cancel_callback(
            lambda _: connection.give_up(
                BrokerUnavailable(f"{connection.address.name} deleted the queue {queue}")
            )
        )
        await channel.call(channel.amqp.basic_qos, prefetch_count=_messages(self._prefetch))
        await channel.call(channel.amqp.basic_consume, queue, on_message)
        self.attached = True

    def detach(self) -> None:
        """Forget the channel and the deliveries that came on it."""
        self.attached = False
        self._channel = None
        self._tags = UnsettledTags()
        self._deliveries.clear()

    async def close(self) -> None:
        """Stop consuming; unsettled deliveries go back to the queue. Raises BrokerUnavailable."""
        channel = self._channel
        self.detach()
        if channel:
            await channel.close()

    def _settle(self, deliveries: Sequence[Delivery], channel: Channel, *, again: bool) -> None:
        epoch = self._epoch
        numbers = [each.tag for each in deliveries if each.epoch == epoch]
        settlement = self._tags.settle(numbers, again=again)
        try:
            for tag in settlement.again:
                channel.amqp.basic_nack(tag)
            if settlement.up_to is not None:
                channel.amqp.basic_ack(settlement.up_to, multiple=True)
            for tag in settlement.beyond:
                channel.amqp.basic_ack(tag)
        except AMQPError:
            # The session is ending; the next one gets all unsettled deliveries again.
            self.detach()


def _messages(prefetch: int) -> int:
    """Return how many messages to ask for, to hold about `prefetch` events."""
    return max(min(prefetch, EVENTS_IN_A_PARCEL), prefetch // EVENTS_IN_A_PARCEL)


def _events(kind: str | None, body: bytes) -> list[bytes]:
    """Return the events in a message. A broken parcel counts as one event, which cannot be decoded."""
    try:
        return unpacked(kind, body) or [body]
    except Unreadable:
        return [body]
