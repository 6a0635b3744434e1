"""A broker in memory that is unavailable until the test makes it available."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from shared.adapters.memory_broker import MemoryBroker
from shared.contract.topology import Topology
from shared.ports.broker import BrokerUnavailable, Publication, Subscription
from shared.ports.clock import Clock

AWAY = "the broker cannot be reached"


class LateBroker(MemoryBroker):
    """Unavailable until `here` is set. Hints can be subscribed to once `hints` is set.

    `looked_at` is set when somebody asked whether it is there.
    """

    def __init__(self, topology: Topology, clock: Clock) -> None:
        super().__init__(topology, clock)
        self.here = False
        self.hints = asyncio.Event()
        self.looked_at = asyncio.Event()

    @override
    async def publish(self, publications: Sequence[Publication]) -> None:
        if not self.here:
            raise BrokerUnavailable(AWAY)
        await super().publish(publications)

    @override
    @asynccontextmanager
    async def subscribe_hints(self, fetcher: str, prefetch: int) -> AsyncIterator[Subscription]:
        await self.hints.wait()
        async with super().subscribe_hints(fetcher, prefetch) as subscription:
            yield subscription

    @override
    def problem(self) -> str | None:
        self.looked_at.set()
        return super().problem() if self.here else AWAY
