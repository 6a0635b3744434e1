"""One AMQP channel: pika's calls with callbacks as coroutines that answer, fail or time out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pika.exceptions import AMQPError, ChannelClosed

from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.ports.broker import BrokerUnavailable


class Refused(BrokerUnavailable):
    """RabbitMQ closed the channel over something it was asked; `code` is AMQP's reply code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class Silent(BrokerUnavailable):
    """RabbitMQ has not answered a question, while the connection lives."""


class Channel:
    """A channel of an open connection; `amqp` is pika's own."""

    def __init__(
        self,
        connection: Any,
        address: Address,
        settings: RabbitMqSettings,
        on_unasked_end: Callable[[BrokerUnavailable], None] | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._address = address
        self._settings = settings
        self._on_unasked_end = on_unasked_end
        self._ended: asyncio.Future[BrokerUnavailable] = loop.create_future()
        self._opened: asyncio.Future[Any] = loop.create_future()
        try:
            self.amqp = connection.channel(on_open_callback=lambda _: _resolve(self._opened, None))
        except AMQPError as error:
            raise BrokerUnavailable(address.explain(error)) from error
        self.amqp.add_on_close_callback(self._on_closed)

    async def opened(self) -> None:
        """Return when it can be used. Raises BrokerUnavailable."""
        await self._answer(self._opened, "opening a channel")

    async def call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The answer to `method(*args, **options)` of `amqp`. Raises BrokerUnavailable, Refused, Silent."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            method(*args, callback=lambda frame: _resolve(answer, frame), **options)
        except AMQPError as error:
            raise BrokerUnavailable(self._address.explain(error)) from error
        return await self._answer(answer, method.__name__)

    async def close(self) -> None:
        """End it; what was delivered and not settled goes back to its queue. Raises BrokerUnavailable."""
        self._on_unasked_end = None
        try:
            if not (self.amqp.is_closing or self.amqp.is_closed):
                self.amqp.close()
        except AMQPError as error:
            raise BrokerUnavailable(self._address.explain(error)) from error
        await asyncio.wait({self._ended}, timeout=self._settings.answer_timeout)
        if not self._ended.done():
            raise Silent(f"{self._address.name} does not answer to closing a channel")

    async def _answer(self, answer: asyncio.Future[Any], question: str) -> Any:
        await asyncio.wait(
            {answer, self._ended}, timeout=self._settings.answer_timeout, return_when=asyncio.FIRST_COMPLETED
        )
        if answer.done():
            return answer.result()
        if self._ended.done():
            raise self._ended.result()
        raise Silent(f"{self._address.name} does not answer to {question}")

    def _on_closed(self, _channel: object, reason: BaseException) -> None:
        error = self._explained(reason)
        _resolve(self._ended, error)
        if self._on_unasked_end:
            self._on_unasked_end(error)

    def _explained(self, reason: BaseException) -> BrokerUnavailable:
        sentence = self._address.explain(reason)
        return (
            Refused(sentence, reason.reply_code)
            if isinstance(reason, ChannelClosed)
            else BrokerUnavailable(sentence)
        )


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
