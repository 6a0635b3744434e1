"""Publishes with confirms, pipelined within a window.

A publication that is not confirmed in time fails instead of hanging. Where RabbitMQ said that it blocks
publishers, the session stays open, so that RabbitMQ can say when that is over. Where RabbitMQ is silent, the
session ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pika import BasicProperties
from pika.exceptions import AMQPError
from pika.spec import Basic

from shared.adapters.rabbitmq.channel import Channel
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.parcel import Parcel, parcels
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.adapters.rabbitmq.window import Batch, PublishWindow
from shared.ports.broker import BrokerUnavailable, Publication, Unroutable

PERSISTENT = 2


class PublishingSession:
    """A channel in confirm mode.

    `unconfirmed_keys` are the routing keys that were not confirmed, where that ended the session.
    """

    def __init__(
        self, connection: Connection, channel: Channel, exchange: str, settings: RabbitMqSettings
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._channel = channel
        self._exchange = exchange
        self._timeout = settings.confirm_timeout
        self._window = PublishWindow(settings.window, settings.window_bytes)
        self._waiting_for_room: list[asyncio.Future[None]] = []
        self._over: BrokerUnavailable | None = None
        self._progress = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.unconfirmed_keys: set[str] = set()

    @classmethod
    async def open(
        cls, connection: Connection, exchange: str, settings: RabbitMqSettings
    ) -> PublishingSession:
        """Open a session. Raises BrokerUnavailable."""
        channel = await connection.channel(vital=True)
        session = cls(connection, channel, exchange, settings)
        channel.amqp.add_on_return_callback(session._on_return)
        await channel.call(channel.amqp.confirm_delivery, session._on_confirm)
        return session

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish all and wait for their confirms. Raises BrokerUnavailable or Unroutable."""
        done: asyncio.Future[None] = self._loop.create_future()
        batch = Batch(lambda: _resolve(done))
        for parcel in parcels(publications):
            while not (self._window.has_room or self._refusal()):
                await self._wait_for_room()
            if refusal := self._refusal():
                raise refusal
            self._send(parcel, batch)
        batch.complete()
        await done
        if batch.error:
            raise batch.error
        if batch.refused:
            name = self._connection.address.name
            raise BrokerUnavailable(f"{name} refused {batch.refused} of {len(publications)} publications")
        if batch.returned:
            raise Unroutable(batch.returned)

    def end(self, error: BrokerUnavailable) -> None:
        """End the session; waiting publications fail with `error`."""
        self._over = error
        if self._timer:
            self._timer.cancel()
        self._give_up(error)

    def _refusal(self) -> BrokerUnavailable | None:
        if self._over:
            return self._over
        return BrokerUnavailable(self._connection.blocked) if self._connection.blocked else None

    def _send(self, parcel: Parcel, batch: Batch) -> None:
        if not self._window:
            self._progress = self._loop.time()
            if not self._timer:
                self._timer = self._loop.call_later(self._timeout, self._on_timer)
        mandatory, body = parcel.mandatory, parcel.body
        properties = BasicProperties(type=parcel.kind)
        if mandatory:
            properties.delivery_mode = PERSISTENT
            properties.message_id = str(self._window.next_tag)
        try:
            self._channel.amqp.basic_publish(
                self._exchange, parcel.key, body, properties, mandatory=mandatory
            )
        except AMQPError as error:
            raise BrokerUnavailable(self._connection.address.explain(error)) from error
        # Only what has gone out counts: RabbitMQ numbers what it receives.
        self._window.add(batch, parcel, len(body))

    async def _wait_for_room(self) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting_for_room.append(waiter)
        await waiter

    def _give_up(self, error: BrokerUnavailable) -> None:
        self._window.give_up(error)
        self._wake_waiting()

    def _wake_waiting(self) -> None:
        waiting, self._waiting_for_room = self._waiting_for_room, []
        for waiter in waiting:
            _resolve(waiter)

    def _on_confirm(self, frame: Any) -> None:
        self._progress = self._loop.time()
        method = frame.method
        self._window.answered(
            method.delivery_tag, multiple=method.multiple, taken=isinstance(method, Basic.Ack)
        )
        if self._waiting_for_room and self._window.has_room:
            self._wake_waiting()

    def _on_return(self, _channel: object, _method: object, properties: Any, _body: bytes) -> None:
        self._window.returned(int(properties.message_id))

    def _on_timer(self) -> None:
        self._timer = None
        if not self._window:
            return
        remaining = self._progress + self._timeout - self._loop.time()
        if remaining > 0:
            self._timer = self._loop.call_later(remaining, self._on_timer)
        elif self._connection.blocked:
            self._give_up(BrokerUnavailable(self._connection.blocked))
        else:
            name = self._connection.address.name
            self.unconfirmed_keys = self._window.open_keys()
            error = BrokerUnavailable(f"{name} has confirmed no publication for {self._timeout:g} s")
            self._connection.give_up(error)
            self.end(error)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
