"""The topology as RabbitMQ is told it.

Every queue is a quorum queue. Whatever leaves a queue other than by being handled goes to another queue, at
least once: a delayed event back to the relay when its time has come, an event that RabbitMQ gives up to the
dead events.
"""

from __future__ import annotations

from typing import Any

from shared.adapters.rabbitmq.address import PRECONDITION_FAILED
from shared.adapters.rabbitmq.channel import Channel, Refused
from shared.adapters.rabbitmq.connection import Connection
from shared.contract.topology import DEAD_KEY, Queue, Topology
from shared.model.errors import Fault
from shared.ports.broker import BrokerUnavailable

DELIVERY_LIMIT = 100_000
"""Attempts are counted in the database. RabbitMQ counts hand-backs too, and from version 4 on gives up after
20 where nothing is said; this many pass only where an event brings down its consumer for days."""


class TopologyMismatch(BrokerUnavailable):
    """The broker has a queue or exchange of that name, made otherwise; only an operator can delete it."""

    temporary = False
    fault = Fault.OPERATOR


async def declare(connection: Connection, topology: Topology) -> None:
    """Make everything that is missing. Raises TopologyMismatch or BrokerUnavailable."""
    channel = await connection.channel(vital=False)
    await declare_exchange(channel, topology)
    for queue in topology.queues:
        await declare_queue(channel, topology, queue)
        await bind_queue(channel, topology, queue)
    await channel.close()


async def declare_exchange(channel: Channel, topology: Topology) -> None:
    """Make the exchange if it is missing. Raises TopologyMismatch or BrokerUnavailable."""
    try:
        await channel.call(channel.amqp.exchange_declare, topology.exchange, "topic", durable=True)
    except Refused as error:
        raise _understood(error, f"the exchange {topology.exchange}") from error


async def declare_queue(channel: Channel, topology: Topology, queue: Queue) -> None:
    """Make the queue if it is missing. Raises TopologyMismatch or BrokerUnavailable."""
    arguments = queue_arguments(topology, queue)
    try:
        await channel.call(channel.amqp.queue_declare, queue.name, durable=True, arguments=arguments)
    except Refused as error:
        raise _understood(error, f"the queue {queue.name}") from error


async def bind_queue(channel: Channel, topology: Topology, queue: Queue) -> None:
    """Bind the queue by its key. Raises BrokerUnavailable."""
    await channel.call(channel.amqp.queue_bind, queue.name, topology.exchange, queue.key)


def queue_arguments(topology: Topology, queue: Queue) -> dict[str, Any]:
    """RabbitMQ's arguments of a queue; changing one means that existing queues have to be deleted by hand."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
    if queue.delay is not None:
        arguments["x-message-ttl"] = queue.delay * 1000
    onward = queue.then or DEAD_KEY
    if queue.key == onward:
        return arguments
    return arguments | {
        "x-dead-letter-exchange": topology.exchange,
        "x-dead-letter-routing-key": onward,
        "x-dead-letter-strategy": "at-least-once",
        # Without it RabbitMQ silently falls back to at most once.
        "x-overflow": "reject-publish",
    }


def _understood(error: Refused, what: str) -> BrokerUnavailable:
    if error.code != PRECONDITION_FAILED:
        return error
    return TopologyMismatch(
        f"{what} exists with other settings; delete it, Mailferry makes it anew ({error})"
    )
