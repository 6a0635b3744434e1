"""All subscriptions of one broker: each session of the consuming connection consumes them again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from shared.adapters.rabbitmq.channel import NoReply
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.consumer import QueueToConsume, RabbitMqSubscription
from shared.ports.broker import BrokerUnavailable
from shared.ports.clock import Clock


class Subscriptions:
    """Adds to `suspects` the queues that did not answer a consumer: they may have no leader."""

    def __init__(self, clock: Clock, suspects: set[str]) -> None:
        self._clock = clock
        self._suspects = suspects
        self._epochs = count(1)
        self._attaching = asyncio.Lock()
        self._all: list[RabbitMqSubscription] = []
        self._connection: Connection | None = None

    async def begin(self, connection: Connection) -> None:
        """Consume everything on the connection of a new session. Raises BrokerUnavailable."""
        async with self._attaching:
            while missing := [each for each in self._all if not each.attached]:
                await self._attach(missing[0], connection)
            self._connection = connection

    def end(self) -> None:
        """Forget the session that ended."""
        self._connection = None
        for subscription in self._all:
            subscription.detach()

    @asynccontextmanager
    async def consumed(self, queue: QueueToConsume, prefetch: int) -> AsyncIterator[RabbitMqSubscription]:
        """Consume a queue while inside: at once, or from the next session on."""
        subscription = RabbitMqSubscription(queue, prefetch, self._epochs, self._clock)
        self._all.append(subscription)
        try:
            await self._join(subscription)
            yield subscription
        finally:
            self._all.remove(subscription)
            await self._leave(subscription)

    async def _join(self, subscription: RabbitMqSubscription) -> None:
        async with self._attaching:
            connection = self._connection
            if connection and not subscription.attached:
                try:
                    await self._attach(subscription, connection)
                except BrokerUnavailable as error:
                    connection.give_up(error)

    async def _leave(self, subscription: RabbitMqSubscription) -> None:
        connection = self._connection
        try:
            await subscription.close()
        except BrokerUnavailable as error:
            # A consumer that cannot be closed keeps its deliveries; the end of its session gives them back.
            if connection:
                connection.give_up(error)

    async def _attach(self, subscription: RabbitMqSubscription, connection: Connection) -> None:
        try:
            await subscription.attach(connection)
        except NoReply:
            self._suspects.add(subscription.queue)
            raise
