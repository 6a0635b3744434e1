"""One AMQP connection in terms of asyncio.

Every wait is bounded. `ended` holds why the session is over. A connection that does not close in good order
is cut.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError, AMQPHeartbeatTimeout

from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.channel import Channel
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.model.errors import quoted
from shared.ports.broker import BrokerUnavailable

PIECE = 64 * 1024
"""Octets of one write. pika copies the rest whenever the socket takes only a part, so pieces stay small."""


class Connection:
    """An open connection; made by `connect`."""

    def __init__(self, address: Address, settings: RabbitMqSettings, purpose: str) -> None:
        loop = asyncio.get_running_loop()
        self.address = address
        self.ended: asyncio.Future[BrokerUnavailable] = loop.create_future()
        self.blocked: str | None = None
        self._settings = settings
        self._opened: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._amqp = _BufferedConnection(
            address.parameters(purpose),
            on_open_callback=lambda _: _resolve(self._opened),
            on_open_error_callback=self._on_gone,
            on_close_callback=self._on_gone,
            custom_ioloop=loop,
        )
        self._amqp.add_on_connection_blocked_callback(self._on_blocked)
        self._amqp.add_on_connection_unblocked_callback(self._on_unblocked)

    async def opened(self) -> None:
        """Return when the connection is open. Raises BrokerUnavailable."""
        either: set[asyncio.Future[Any]] = {self._opened, self.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            raise self.ended.result()

    async def channel(self, *, vital: bool) -> Channel:
        """Open a channel; the end of a `vital` one ends the session. Raises BrokerUnavailable."""
        if self.ended.done():
            raise self.ended.result()
        channel = Channel(self._amqp, self.address, self._settings, self.give_up if vital else None)
        await channel.opened()
        return channel

    def give_up(self, error: BrokerUnavailable) -> None:
        """End the session; the owner, who awaits `ended`, closes the connection."""
        if not self.ended.done():
            self.ended.set_result(error)

    async def close(self) -> None:
        """Close the connection in good order, or cut it where the broker does not answer."""
        self.give_up(BrokerUnavailable(f"the connection to {self.address.name} was closed"))
        try:
            if not (self._amqp.is_closing or self._amqp.is_closed):
                self._amqp.close()
            await asyncio.wait({self._gone}, timeout=self._settings.close_timeout)
        except AMQPError as error:
            self.give_up(BrokerUnavailable(self.address.explain(error)))
        finally:
            self._cut()
        await asyncio.wait({self._gone}, timeout=self._settings.close_timeout)

    def _cut(self) -> None:
        if not self._gone.done() and self._amqp.has_transport:
            # pika has no public way to drop a connection whose peer does not answer.
            self._amqp._terminate_stream(AMQPHeartbeatTimeout("cut"))

    def _on_gone(self, _connection: object, reason: BaseException) -> None:
        self.give_up(BrokerUnavailable(self.address.explain(reason)))
        _resolve(self._gone)

    def _on_blocked(self, _connection: object, frame: Any) -> None:
        self.blocked = f"{self.address.name} blocks publishers: {quoted(str(frame.method.reason))}"

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = None


async def connect(address: Address, settings: RabbitMqSettings, purpose: str) -> Connection:
    """Open a connection. Raises BrokerUnavailable with the reason."""
    # pika logs every failure with a traceback; our errors say the same once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    connection = Connection(address, settings, purpose)
    try:
        await connection.opened()
    except BaseException:
        await connection.close()
        raise
    return connection


class _BufferedConnection(AsyncioConnection):  # type: ignore[misc]  # pika is untyped
    """Sends the frames of one turn of the event loop in few writes; pika itself writes every frame alone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        super().__init__(*args, **options)

    @property
    def has_transport(self) -> bool:
        """Whether there is a transport that can be cut."""
        return self._transport is not None

    def _adapter_emit_data(self, data: bytes) -> None:
        if not self._unsent:
            self.ioloop.call_soon(self._send_buffered)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes >= PIECE:
            self._send_buffered()

    def _send_buffered(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._unsent_bytes = 0
        if data and self._transport is not None:
            super()._adapter_emit_data(data)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
