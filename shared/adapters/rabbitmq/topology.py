"""Looking at and making the topology from the command line, with a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.adapters.rabbitmq.address import NOT_FOUND, Address
from shared.adapters.rabbitmq.channel import Refused
from shared.adapters.rabbitmq.connection import Connection, connect
from shared.adapters.rabbitmq.declare import TopologyMismatch, declare, declare_exchange, declare_queue
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.contract.topology import Queue, Topology


async def topology_apply(url: str, topology: Topology, settings: RabbitMqSettings | None = None) -> None:
    """Make what is missing, bindings included. Raises BrokerUnavailable, TopologyMismatch among it."""
    async with _connected(url, settings or RabbitMqSettings()) as connection:
        await declare(connection, topology)


async def topology_check(url: str, topology: Topology, settings: RabbitMqSettings | None = None) -> list[str]:
    """What is missing or made otherwise, one sentence each; it changes nothing. Raises BrokerUnavailable
    where there is nobody to be asked.

    Bindings cannot be seen through AMQP: a missing one shows as `Unroutable`, and `topology_apply` makes it.
    """
    async with _connected(url, settings or RabbitMqSettings()) as connection:
        found = [await _exchange_problem(connection, topology)]
        found += [await _queue_problem(connection, topology, queue) for queue in topology.queues]
    return [problem for problem in found if problem]


async def _exchange_problem(connection: Connection, topology: Topology) -> str | None:
    channel = await connection.channel(vital=False)
    try:
        await channel.call(channel.amqp.exchange_declare, topology.exchange, "topic", passive=True)
        await declare_exchange(channel, topology)
    except Refused as error:
        return f"the exchange {topology.exchange} is missing" if error.code == NOT_FOUND else str(error)
    except TopologyMismatch as error:
        return str(error)
    await channel.close()
    return None


async def _queue_problem(connection: Connection, topology: Topology, queue: Queue) -> str | None:
    channel = await connection.channel(vital=False)
    try:
        await channel.call(channel.amqp.queue_declare, queue.name, passive=True)
        # It exists: declaring it once more makes nothing, but compares how it was made.
        await declare_queue(channel, topology, queue)
    except Refused as error:
        return f"the queue {queue.name} is missing" if error.code == NOT_FOUND else str(error)
    except TopologyMismatch as error:
        return str(error)
    await channel.close()
    return None


@asynccontextmanager
async def _connected(url: str, settings: RabbitMqSettings) -> AsyncIterator[Connection]:
    connection = await connect(Address(url, settings), settings, "topology")
    try:
        yield connection
    finally:
        await connection.close()
