"""How the broker is doing, and what waits in its queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.ports.broker import Broker, BrokerUnavailable, QueueState


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """`problem`: why it cannot be used, as a sentence; then no queue is known."""

    problem: str | None
    queues: Sequence[QueueState]


async def broker_status(broker: Broker) -> BrokerStatus:
    """Return how the broker is doing."""
    try:
        return BrokerStatus(broker.problem(), await broker.queue_states())
    except BrokerUnavailable as error:
        return BrokerStatus(str(error), [])
