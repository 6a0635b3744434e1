"""The queue of one fetcher's hints: it belongs to one session, and losing its contents costs a delay."""

from __future__ import annotations

from random import Random

from shared.adapters.rabbitmq.channel import Channel
from shared.contract.topology import Topology, hint_queue, settled_key

MOST_HINTS = 100_000
"""Above it the oldest hints are dropped: a fetcher that is stuck must not fill the broker."""


async def declare_hint_queue(topology: Topology, fetcher: str, random: Random, channel: Channel) -> str:
    """The name of a new queue for the hints to `fetcher`. Raises BrokerUnavailable.

    Each session takes a new name: RabbitMQ may keep the queue of a lost connection, locked, until it has
    noticed.
    """
    name = f"{hint_queue(fetcher)}.{random.getrandbits(48):012x}"
    arguments = {"x-queue-type": "classic", "x-max-length": MOST_HINTS, "x-overflow": "drop-head"}
    await channel.call(
        channel.amqp.queue_declare, name, exclusive=True, auto_delete=True, arguments=arguments
    )
    await channel.call(channel.amqp.queue_bind, name, topology.exchange, settled_key(fetcher))
    return name
