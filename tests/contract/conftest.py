"""Every adapter of a port, for the tests of what the port promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.rabbitmq import RabbitMqBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import topology
from shared.ports.broker import Broker
from tests.servers.directory import server_directory
from tests.servers.moto import Moto

DELAYS = [1, 3600]


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """This worker's S3."""
    with server_directory("moto") as directory, Moto(directory) as server:
        yield server


@pytest.fixture(params=["memory", "rabbitmq"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    if request.param == "memory":
        memory = MemoryBroker(topology(DELAYS), SystemClock())
        yield memory
        await memory.close()
    else:
        url = request.getfixturevalue("rabbitmq_url")
        rabbitmq = RabbitMqBroker(url, topology(DELAYS), clock=SystemClock(), random=Random(1))
        async with rabbitmq:
            await rabbitmq.ready(60)
            yield rabbitmq
