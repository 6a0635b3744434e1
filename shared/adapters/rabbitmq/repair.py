"""Queues that RabbitMQ has but nobody leads.

A quorum queue that was made within a moment of a crash comes back without a leader, and stays so: it is
there when it is declared, but neither confirms nor delivers, ever. Only deleting it helps. What it held are
hints, which the database replaces; so a queue that was silent once and is silent again when asked is made
anew.
"""

from __future__ import annotations

from collections.abc import Collection

import structlog

from shared.adapters.rabbitmq.channel import Silent
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.declare import bind_queue, declare_queue
from shared.contract.topology import Topology

log = structlog.get_logger("mailferry.rabbitmq")


async def replace_leaderless(connection: Connection, topology: Topology, suspects: Collection[str]) -> None:
    """Delete and declare those among `suspects` (names or routing keys) that have no leader.

    Raises BrokerUnavailable.
    """
    for queue in topology.queues:
        if {queue.name, queue.key}.isdisjoint(suspects) or await _is_led(connection, queue.name):
            continue
        log.warning("queue without a leader is made anew", queue=queue.name)
        channel = await connection.channel(vital=False)
        await channel.call(channel.amqp.queue_delete, queue.name)
        await declare_queue(channel, topology, queue)
        await bind_queue(channel, topology, queue)
        await channel.close()


async def _is_led(connection: Connection, queue: str) -> bool:
    """Whether the queue takes a consumer, as only a leader can grant; it may hold one event for a moment."""
    channel = await connection.channel(vital=False)
    await channel.call(channel.amqp.basic_qos, prefetch_count=1)
    try:
        await channel.call(channel.amqp.basic_consume, queue, lambda *_: None)
    except Silent:
        return False
    await channel.close()
    return True
