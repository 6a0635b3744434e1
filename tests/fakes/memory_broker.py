"""The broker in memory that belongs to a configuration."""

from __future__ import annotations

from shared.adapters.memory_broker import MemoryBroker
from shared.contract.topology import topology
from shared.operations.context import OperatorContext


def memory_broker(context: OperatorContext) -> MemoryBroker:
    """Return a broker with the queues of the configuration."""
    return MemoryBroker(topology(context.configuration.relay.retry_delays), context.clock)
