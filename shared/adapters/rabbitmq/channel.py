"""One AMQP channel: pika's calls with callbacks become coroutines that return, fail or time out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pika.exceptions import AMQPError, ChannelClosed

from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.ports.broker import BrokerUnavailable


class ChannelRefused(BrokerUnavailable):
    """RabbitMQ closed the channel because it refuses a request; `code` is AMQP's reply code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class NoReply(BrokerUnavailable):
    """RabbitMQ did not answer a request in time, though the connection lives."""


class Channel:
    """A channel of an open connection; `amqp` is pika's own."""

    def __init__(
        self,
        connection: Any,
        address: Address,
        settings: RabbitMqSettings,
        on_unexpected_end: Callable[[BrokerUnavailable], None] | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._address = address
        self._settings = settings
        self._on_unexpected_end = on_unexpected_end
        self._ended: asyncio.Future[BrokerUnavailable] = loop.create_future()
        self._opened: asyncio.Future[Any] = loop.create_future()
        try:
            self.amqp = connection.channel(on_open_callback=lambda _: _resolve(self._opened, None))
        except AMQPError as error:
            raise BrokerUnavailable(address.explain(error)) from error
        self.amqp.add_on_close_callback(self._on_closed)

    async def opened(self) -> None:
        """Wait until the channel is open. Raises BrokerUnavailable."""
        await self._answer(self._opened, "opening a channel")

    async def call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a method of `amqp` and return RabbitMQ's answer.

        Raises BrokerUnavailable, ChannelRefused, NoReply.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            method(*args, callback=lambda frame: _resolve(answer, frame), **options)
        except AMQPError as error:
            raise BrokerUnavailable(self._address.explain(error)) from error
        return await self._answer(answer, method.__name__)

    async def close(self) -> None:
        """Close the channel; unsettled deliveries go back to their queue. Raises BrokerUnavailable."""
        self._on_unexpected_end = None
        try:
            if not (self.amqp.is_closing or self.amqp.is_closed):
                self.amqp.close()
        except AMQPError as error:
            raise BrokerUnavailable(self._address.explain(error)) from error
        await asyncio.wait({self._ended}, timeout=self._settings.answer_timeout)
        if not self._ended.done():
            raise NoReply(f"{self._address.name} does not answer to closing a channel")

    async def _answer(self, answer: asyncio.Future[Any], request: str) -> Any:
        await asyncio.wait(
            {answer, self._ended}, timeout=self._settings.answer_timeout, return_when=asyncio.FIRST_COMPLETED
        )
        if answer.done():
            return answer.result()
        if self._ended.done():
            raise self._ended.result()
        raise NoReply(f"{self._address.name} does not answer to {request}")

    def _on_closed(self, _channel: object, reason: BaseException) -> None:
        error = self._explained(reason)
        _resolve(self._ended, error)
        if self._on_unexpected_end:
            self._on_unexpected_end(error)

    def _explained(self, reason: BaseException) -> BrokerUnavailable:
        sentence = self._address.explain(reason)
        return (
            ChannelRefused(sentence, reason.reply_code)
            if isinstance(reason, ChannelClosed)
            else BrokerUnavailable(sentence)
        )


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
