"""Declares the topology on RabbitMQ.

Every queue of it is a quorum queue. An event that leaves a queue without being handled goes to another queue,
at least once: a delayed event returns to the relay when its delay is over, and an event that RabbitMQ gives
up goes to the dead letters. The queue of a fetcher's hints belongs to one session.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any

import structlog

from shared.adapters.rabbitmq.address import PRECONDITION_FAILED
from shared.adapters.rabbitmq.channel import Channel, ChannelRefused, NoReply
from shared.adapters.rabbitmq.connection import Connection
from shared.contract.topology import DEAD_KEY, Queue, Topology, hint_queue, settled_key
from shared.model.errors import Fault
from shared.ports.broker import BrokerUnavailable, QueueState

DELIVERY_LIMIT = 100_000
"""Redeliveries after which RabbitMQ gives an event up. Attempts are counted in the database. Without a limit
of ours, RabbitMQ 4 gives up after 20; an event reaches this one only if it crashes its consumer for days."""
MOST_HINTS = 100_000
"""Hints in a fetcher's queue. Above it the oldest are dropped, so that a stuck fetcher does not fill the
broker; a dropped hint costs a delay."""

log = structlog.get_logger("mailferry.rabbitmq")


class TopologyMismatch(BrokerUnavailable):
    """A queue or exchange of that name exists with other settings; only an operator can delete it."""

    temporary = False
    fault = Fault.OPERATOR


async def declare(connection: Connection, topology: Topology) -> None:
    """Declare everything that is missing. Raises TopologyMismatch or BrokerUnavailable."""
    channel = await connection.channel(vital=False)
    await declare_exchange(channel, topology)
    for queue in topology.queues:
        await declare_queue(channel, topology, queue)
        await bind_queue(channel, topology, queue)
    await channel.close()


async def declare_exchange(channel: Channel, topology: Topology) -> None:
    """Declare the exchange if it is missing. Raises TopologyMismatch or BrokerUnavailable."""
    try:
        await channel.call(channel.amqp.exchange_declare, topology.exchange, "topic", durable=True)
    except ChannelRefused as error:
        raise _mismatch(error, f"the exchange {topology.exchange}") from error


async def declare_queue(channel: Channel, topology: Topology, queue: Queue) -> None:
    """Declare the queue if it is missing. Raises TopologyMismatch or BrokerUnavailable."""
    arguments = queue_arguments(topology, queue)
    try:
        await channel.call(channel.amqp.queue_declare, queue.name, durable=True, arguments=arguments)
    except ChannelRefused as error:
        raise _mismatch(error, f"the queue {queue.name}") from error


async def queue_state(channel: Channel, name: str) -> QueueState:
    """Return how full a queue is. Raises BrokerUnavailable, also where it is missing."""
    declared = await channel.call(channel.amqp.queue_declare, name, passive=True)
    return QueueState(name, declared.method.message_count, declared.method.consumer_count)


async def bind_queue(channel: Channel, topology: Topology, queue: Queue) -> None:
    """Bind the queue by its key. Raises BrokerUnavailable."""
    await channel.call(channel.amqp.queue_bind, queue.name, topology.exchange, queue.key)


def queue_arguments(topology: Topology, queue: Queue) -> dict[str, Any]:
    """Return the arguments of a queue. After a change of one, existing queues have to be deleted by hand."""
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


async def declare_hint_queue(topology: Topology, fetcher: str, random: Random, channel: Channel) -> str:
    """Declare a queue for the hints to `fetcher`, and return its name. Raises BrokerUnavailable.

    Each session takes a new name: RabbitMQ may keep the queue of a lost connection locked for a while.
    """
    name = f"{hint_queue(fetcher)}.{random.getrandbits(48):012x}"
    arguments = {"x-queue-type": "classic", "x-max-length": MOST_HINTS, "x-overflow": "drop-head"}
    await channel.call(
        channel.amqp.queue_declare, name, exclusive=True, auto_delete=True, arguments=arguments
    )
    await channel.call(channel.amqp.queue_bind, name, topology.exchange, settled_key(fetcher))
    return name


async def replace_leaderless(connection: Connection, topology: Topology, suspects: Collection[str]) -> None:
    """Delete and declare again those of the `suspects` (names or routing keys) that have no leader.

    A quorum queue that was declared a moment before a crash can come back without a leader. It exists, but it
    never confirms or delivers, and only deleting it helps. It held hints, which the database replaces. Raises
    BrokerUnavailable.
    """
    for queue in topology.queues:
        if {queue.name, queue.key}.isdisjoint(suspects) or await _has_leader(connection, queue.name):
            continue
        log.warning("queue without a leader is made anew", queue=queue.name)
        channel = await connection.channel(vital=False)
        await channel.call(channel.amqp.queue_delete, queue.name)
        await declare_queue(channel, topology, queue)
        await bind_queue(channel, topology, queue)
        await channel.close()


async def _has_leader(connection: Connection, queue: str) -> bool:
    """Whether the queue accepts a consumer, which only a leader grants; it may hold one event meanwhile."""
    channel = await connection.channel(vital=False)
    await channel.call(channel.amqp.basic_qos, prefetch_count=1)
    try:
        await channel.call(channel.amqp.basic_consume, queue, lambda *_: None)
    except NoReply:
        return False
    await channel.close()
    return True


def _mismatch(error: ChannelRefused, what: str) -> BrokerUnavailable:
    if error.code != PRECONDITION_FAILED:
        return error
    return TopologyMismatch(
        f"{what} exists with other settings; delete it, Mailferry makes it anew ({error})"
    )
