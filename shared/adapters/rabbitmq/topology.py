"""Applies and checks the topology for the command line, over a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.adapters.rabbitmq.address import NOT_FOUND, Address
from shared.adapters.rabbitmq.channel import ChannelRefused
from shared.adapters.rabbitmq.connection import Connection, connect
from shared.adapters.rabbitmq.declare import TopologyMismatch, declare, declare_exchange, declare_queue
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.contract.topology import Queue, Topology


async def topology_apply(url: str, topology: Topology, settings: RabbitMqSettings | None = None) -> None:
    """Declare what is missing, bindings included. Raises BrokerUnavailable or TopologyMismatch."""
    async with _connected(url, settings or RabbitMqSettings()) as connection:
        await declare(connection, topology)


async def topology_check(url: str, topology: Topology, settings: RabbitMqSettings | None = None) -> list[str]:
    """Return a sentence for each exchange or queue that is missing or has other settings; change nothing.

    Bindings cannot be seen through AMQP: a missing one shows as `Unroutable`, and `topology_apply` makes it.
    Raises BrokerUnavailable.
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
    except ChannelRefused as error:
        return f"the exchange {topology.exchange} is missing" if error.code == NOT_FOUND else str(error)
    except TopologyMismatch as error:
        return str(error)
    await channel.close()
    return None


async def _queue_problem(connection: Connection, topology: Topology, queue: Queue) -> str | None:
    channel = await connection.channel(vital=False)
    try:
        await channel.call(channel.amqp.queue_declare, queue.name, passive=True)
        # Declaring an existing queue changes nothing, but compares its settings.
        await declare_queue(channel, topology, queue)
    except ChannelRefused as error:
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
