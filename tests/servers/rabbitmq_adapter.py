"""A broker adapter on a private RabbitMQ, and faults for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

from shared.adapters.rabbitmq import RabbitMqBroker, RabbitMqSettings
from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.channel import Channel
from shared.adapters.rabbitmq.connection import connect
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import topology
from shared.ports.broker import Broker, BrokerUnavailable, Publication

Truth = TypeVar("Truth")

TOPOLOGY = topology([1, 3600])
QUICK = RabbitMqSettings(backoff_first=0.05, backoff_longest=0.5, close_timeout=0.5)


def made(url: str, settings: RabbitMqSettings = QUICK) -> RabbitMqBroker:
    return RabbitMqBroker(url, TOPOLOGY, clock=SystemClock(), random=Random(1), settings=settings)


@asynccontextmanager
async def working(url: str, settings: RabbitMqSettings = QUICK) -> AsyncIterator[RabbitMqBroker]:
    """A connected broker."""
    async with made(url, settings) as broker:
        await broker.ready(60)
        yield broker


@asynccontextmanager
async def operator(url: str) -> AsyncIterator[Channel]:
    """A channel of another client, to change the topology."""
    connection = await connect(Address(url, QUICK), QUICK, "operator")
    try:
        yield await connection.channel(vital=False)
    finally:
        await connection.close()


async def published(broker: Broker, publications: Sequence[Publication]) -> None:
    """Publish until the broker accepts it, as the services do."""
    while True:
        try:
            await broker.publish(publications)
        except BrokerUnavailable:
            await asyncio.sleep(0.02)
        else:
            return


async def until(condition: Callable[[], Truth]) -> Truth:
    """Return what `condition` tells as soon as it is true; the test's own timeout bounds it."""
    while True:
        if value := condition():
            return value
        await asyncio.sleep(0.01)
