"""The broker port on RabbitMQ: one connection publishes, one consumes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from random import Random
from types import TracebackType
from typing import Self

from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.channel import Channel
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.consumer import QueueToConsume, RabbitMqSubscription
from shared.adapters.rabbitmq.declare import declare, declare_hint_queue, queue_state, replace_leaderless
from shared.adapters.rabbitmq.link import Link
from shared.adapters.rabbitmq.publisher import PublishingSession
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.adapters.rabbitmq.subscriptions import Subscriptions
from shared.contract.topology import Topology
from shared.ports.broker import BrokerUnavailable, Publication, QueueState, Subscription, TooLarge, Unroutable
from shared.ports.clock import Clock


class RabbitMqBroker:
    """RabbitMQ at `url`, connecting by itself from `start` until `close`; usable as an async context manager.

    Raises ConfigurationError where `url` is none. A broker that cannot be reached is no error: see `problem`.
    """

    def __init__(
        self,
        url: str,
        topology: Topology,
        *,
        clock: Clock,
        random: Random,
        settings: RabbitMqSettings | None = None,
    ) -> None:
        self._settings = settings or RabbitMqSettings()
        self._address = Address(url, self._settings)
        self._topology = topology
        self._random = random
        self._declaring = asyncio.Lock()
        self._session: PublishingSession | None = None
        self._suspects: set[str] = set()
        self._subscriptions = Subscriptions(clock, self._suspects)
        link = partial(Link, address=self._address, settings=self._settings, clock=clock, random=random)
        self._publishing = link("publish", prepare=self._prepare_publishing, ended=self._publishing_ended)
        self._consuming = link("consume", prepare=self._prepare_consuming, ended=self._consuming_ended)
        self._running: list[asyncio.Task[None]] = []
        self._closed = False

    async def start(self) -> None:
        """Begin to connect."""
        self._running = [asyncio.ensure_future(link.run()) for link in (self._publishing, self._consuming)]

    async def ready(self, seconds: float) -> None:
        """Return when both connections are up. Raises BrokerUnavailable with the reason after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._publishing.up.wait()
                await self._consuming.up.wait()
        except TimeoutError:
            raise self._unavailable() or BrokerUnavailable(
                f"{self._address.name} did not stay connected"
            ) from None

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish all, pipelined, and return when all are confirmed; raises as the port says."""
        limit = self._settings.largest_event
        if too_large := [each for each in publications if len(each.body) > limit]:
            raise TooLarge(too_large, limit)
        session = self._session or await self._session_after_pause()
        try:
            await session.publish(publications)
        except Unroutable:
            await self._declare_again()
            raise

    @asynccontextmanager
    async def subscribe(self, queue: str, prefetch: int) -> AsyncIterator[Subscription]:
        """Consume a queue of the topology. Raises KeyError where it has none of that name."""
        if queue not in {each.name for each in self._topology.queues}:
            raise KeyError(queue)

        async def the_queue(_channel: Channel) -> str:
            return queue

        async with self._consumed(the_queue, prefetch) as subscription:
            yield subscription

    @asynccontextmanager
    async def subscribe_hints(self, fetcher: str, prefetch: int) -> AsyncIterator[Subscription]:
        """Consume the hints for one fetcher."""
        queue = partial(declare_hint_queue, self._topology, fetcher, self._random)
        async with self._consumed(queue, prefetch) as subscription:
            yield subscription

    async def queue_states(self) -> Sequence[QueueState]:
        """Return how full the queues of the topology are. Raises BrokerUnavailable."""
        connection = self._publishing.connection
        if connection is None:
            raise BrokerUnavailable(str(self._unavailable()))
        channel = await connection.channel(vital=False)
        found = [await queue_state(channel, each.name) for each in self._topology.queues]
        await channel.close()
        return found

    def problem(self) -> str | None:
        """Return why the broker cannot be used now, or None."""
        if down := self._unavailable():
            return str(down)
        connection = self._publishing.connection
        return connection.blocked if connection else None

    async def close(self) -> None:
        """End both connections; unsettled deliveries go back."""
        self._closed = True
        for link in self._running:
            link.cancel()
        for ended in await asyncio.gather(*self._running, return_exceptions=True):
            if ended is not None and not isinstance(ended, asyncio.CancelledError):
                raise ended

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _unavailable(self) -> BrokerUnavailable | None:
        if self._closed:
            return BrokerUnavailable(f"the connection to {self._address.name} is closed")
        for link in (self._publishing, self._consuming):
            if not link.up.is_set():
                return link.error
        return None

    def _consumed(
        self, queue: QueueToConsume, prefetch: int
    ) -> AbstractAsyncContextManager[RabbitMqSubscription]:
        if self._closed:
            raise BrokerUnavailable(str(self._unavailable()))
        return self._subscriptions.consumed(queue, prefetch)

    async def _session_after_pause(self) -> PublishingSession:
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._closed else self._settings.outage_grace):
                await self._publishing.up.wait()
        if self._session:
            return self._session
        raise BrokerUnavailable(str(self._unavailable()))

    async def _declare_again(self) -> None:
        """Declare the topology again, so that an event that found no queue finds one next time."""
        if connection := self._publishing.connection:
            try:
                await self._declare(connection)
            except BrokerUnavailable as error:
                connection.give_up(error)

    async def _declare(self, connection: Connection) -> None:
        # RabbitMQ fails where two connections declare the same quorum queue at once.
        async with self._declaring:
            await declare(connection, self._topology)
            if self._suspects:
                await replace_leaderless(connection, self._topology, self._suspects)
                self._suspects.clear()

    async def _prepare_publishing(self, connection: Connection) -> None:
        await self._declare(connection)
        self._session = await PublishingSession.open(connection, self._topology.exchange, self._settings)

    def _publishing_ended(self, reason: BrokerUnavailable) -> None:
        session, self._session = self._session, None
        if session:
            self._suspects |= session.unconfirmed_keys
            session.end(reason)

    async def _prepare_consuming(self, connection: Connection) -> None:
        await self._declare(connection)
        await self._subscriptions.begin(connection)

    def _consuming_ended(self, _reason: BrokerUnavailable) -> None:
        self._subscriptions.end()
