"""Keeps one connection to RabbitMQ up: it connects again after a jittered pause that grows with each failure.

A session counts as up only after everything that it needs was prepared. `error` says why there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import structlog

from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.connection import Connection, connect
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.model.backoff import Backoff
from shared.ports.broker import BrokerUnavailable
from shared.ports.clock import Clock

log = structlog.get_logger("mailferry.rabbitmq")


class Link:
    """`prepare` makes a new connection usable; `ended` is called with the reason when a session is over."""

    def __init__(
        self,
        purpose: str,
        address: Address,
        settings: RabbitMqSettings,
        *,
        clock: Clock,
        random: Random,
        prepare: Callable[[Connection], Awaitable[None]],
        ended: Callable[[BrokerUnavailable], None],
    ) -> None:
        self._purpose = purpose
        self._address = address
        self._settings = settings
        self._clock = clock
        self._random = random
        self._prepare = prepare
        self._ended = ended
        self._failures = 0
        self._reported = ""
        self.connection: Connection | None = None
        self.error = BrokerUnavailable(f"{address.name} is not connected yet")
        self.up = asyncio.Event()

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            began = self._clock.monotonic()
            try:
                await self._session()
            except BrokerUnavailable as error:
                self.error = error
            except Exception as error:
                # A mistake of ours must not end the loop: nothing else connects again.
                log.exception("broker session failed unexpectedly", purpose=self._purpose)
                mistake = f"internal error {type(error).__name__} on the way to {self._address.name}"
                self.error = BrokerUnavailable(f"{mistake}; see the log")
            self._report()
            lasted = self._clock.monotonic() - began
            self._failures = 0 if lasted > self._settings.backoff_longest else self._failures + 1
            await self._clock.sleep(self._pause())

    async def _session(self) -> None:
        connection = await connect(self._address, self._settings, self._purpose)
        self.error = BrokerUnavailable(f"the connection to {self._address.name} is closed")
        try:
            await self._prepare(connection)
            self.connection = connection
            self.up.set()
            log.info("broker connected", purpose=self._purpose)
            self.error = await connection.ended
        except BrokerUnavailable as error:
            self.error = error
        finally:
            self.up.clear()
            self.connection = None
            self._ended(self.error)
            await connection.close()

    def _report(self) -> None:
        sentence = str(self.error)
        if sentence != self._reported:
            log.warning("broker connection lost or refused", purpose=self._purpose, error=sentence)
        self._reported = sentence

    def _pause(self) -> float:
        backoff = Backoff(self._settings.backoff_first, self._settings.backoff_longest, spread=0.5)
        return backoff.pause(self._failures, self._random.random())
