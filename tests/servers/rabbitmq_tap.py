"""Copies of all published events, as a client with access to the broker sees them."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import pika

from shared.adapters.rabbitmq.parcel import unpacked
from shared.contract.topology import EXCHANGE


class Tap:
    """Collects a copy of every event from when the block is entered; the exchange must exist by then."""

    def __init__(self, url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._queue: str = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, EXCHANGE, "#")

    def bodies(self) -> list[bytes]:
        """Return the events that were published since the last call."""
        found: list[bytes] = []
        while True:
            _, properties, body = self._channel.basic_get(self._queue, auto_ack=True)
            if body is None:
                return found
            found += unpacked(properties.type, body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
