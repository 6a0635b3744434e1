"""Consuming: subscriptions that outlive their sessions.

Promises: an epoch names one channel, so that a tag can never be settled on a channel it does not belong to;
what a lost session had delivered is forgotten here, as RabbitMQ delivers it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from pika.exceptions import AMQPError

from shared.adapters.inbox import Inbox
from shared.adapters.rabbitmq.channel import Channel
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.parcel import Unreadable, unpacked
from shared.adapters.rabbitmq.tags import UnsettledTags
from shared.ports.broker import BrokerUnavailable, Delivery
from shared.ports.clock import Clock

QueueToConsume = Callable[[Channel], Awaitable[str]]
"""The name of the queue, made first where it belongs to the session."""


FEW = 20
"""A parcel often holds about as many events, so a consumer that may hold more asks for fewer messages."""


class RabbitMqSubscription:
    """A queue being consumed, on one channel after another; `queue` is its name in the latest session."""

    def __init__(self, named: QueueToConsume, prefetch: int, epochs: Iterator[int], clock: Clock) -> None:
        if prefetch < 1:
            raise ValueError("a consumer must be allowed to hold at least one delivery")
        self._named = named
        self._prefetch = prefetch
        self._epochs = epochs
        self._epoch = 0
        self._inbox = Inbox(clock)
        self._tags = UnsettledTags()
        self._channel: Channel | None = None
        self.attached = False
        self.queue = ""

    @property
    def is_full(self) -> bool:
        """See the port."""
        return len(self._tags) >= _messages(self._prefetch)

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        """The next deliveries; see the port."""
        return await self._inbox.batch(min(limit, self._prefetch), linger)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """These were handled."""
        if self._channel:
            self._settle(deliveries, self._channel, again=False)

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """These were not handled."""
        if self._channel:
            self._settle(deliveries, self._channel, again=True)

    async def attach(self, connection: Connection) -> None:
        """Consume on a new channel of `connection`. Raises BrokerUnavailable."""
        channel = await connection.channel(vital=True)
        self.detach()
        self._channel = channel
        self._epoch = epoch = next(self._epochs)
        inbox, tags = self._inbox, self._tags

        def take(_channel: object, method: Any, properties: Any, body: bytes) -> None:
            events = _events(properties.type, body)
            for number, event in zip(tags.add(method.delivery_tag, len(events)), events, strict=True):
                inbox.put(Delivery(event, number, epoch, method.redelivered))

        queue = self.queue = await self._named(channel)
        channel.amqp.add_on_cancel_callback(
            lambda _: connection.give_up(
                BrokerUnavailable(f"{connection.address.name} deleted the queue {queue}")
            )
        )
        await channel.call(channel.amqp.basic_qos, prefetch_count=_messages(self._prefetch))
        await channel.call(channel.amqp.basic_consume, queue, take)
        self.attached = True

    def detach(self) -> None:
        """The channel is gone, and what came on it."""
        self.attached = False
        self._channel = None
        self._tags = UnsettledTags()
        self._inbox.clear()

    async def close(self) -> None:
        """Consume no more; what is unsettled goes back. Raises BrokerUnavailable."""
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
            # The session is ending; everything unsettled comes again in the next.
            self.detach()


def _messages(prefetch: int) -> int:
    """For how many messages a consumer asks that is to hold about `prefetch` events."""
    return max(min(prefetch, FEW), prefetch // FEW)


def _events(kind: str | None, body: bytes) -> list[bytes]:
    """The events in a message; what cannot be read is one event, which nobody will be able to decode."""
    try:
        return unpacked(kind, body) or [body]
    except Unreadable:
        return [body]
