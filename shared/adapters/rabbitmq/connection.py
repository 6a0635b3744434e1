"""One AMQP connection, from its opening to its end, in terms of asyncio.

Promises: nothing waits without a bound; `ended` tells once and for all why the session is over; a
connection that does not close in good order is cut.
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
        self._amqp = _GatheringConnection(
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
        """A new channel; the end of a `vital` one ends the session. Raises BrokerUnavailable."""
        if self.ended.done():
            raise self.ended.result()
        channel = Channel(self._amqp, self.address, self._settings, self.give_up if vital else None)
        await channel.opened()
        return channel

    def give_up(self, error: BrokerUnavailable) -> None:
        """This session is over; whoever watches `ended` closes it."""
        if not self.ended.done():
            self.ended.set_result(error)

    async def close(self) -> None:
        """End the connection in good order if the broker takes part, else cut it."""
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
            # pika has no public way to drop a connection whose peer no longer takes part in closing it.
            self._amqp._terminate_stream(AMQPHeartbeatTimeout("cut"))

    def _on_gone(self, _connection: object, reason: BaseException) -> None:
        self.give_up(BrokerUnavailable(self.address.explain(reason)))
        _resolve(self._gone)

    def _on_blocked(self, _connection: object, frame: Any) -> None:
        self.blocked = f"{self.address.name} blocks publishers: {quoted(str(frame.method.reason))}"

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = None


async def connect(address: Address, settings: RabbitMqSettings, purpose: str) -> Connection:
    """A new connection. Raises BrokerUnavailable with a sentence that says why there is none."""
    # pika logs every failure at length, with tracebacks; what it has to say is in our errors, once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    connection = Connection(address, settings, purpose)
    try:
        await connection.opened()
    except BaseException:
        await connection.close()
        raise
    return connection


class _GatheringConnection(AsyncioConnection):  # type: ignore[misc]  # pika is untyped
    """Sends what one turn of the event loop produced in few pieces; pika itself sends every frame alone.

    A piece is not made longer than that, as pika copies what is left of it whenever the socket takes only a
    part.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        super().__init__(*args, **options)

    @property
    def has_transport(self) -> bool:
        """Whether there is still something to cut."""
        return self._transport is not None

    def _adapter_emit_data(self, data: bytes) -> None:
        if not self._unsent:
            self.ioloop.call_soon(self._send_gathered)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes >= PIECE:
            self._send_gathered()

    def _send_gathered(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._unsent_bytes = 0
        if data and self._transport is not None:
            super()._adapter_emit_data(data)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
