"""How much mail a process with its broker inside may hold in memory, and who has to wait when it holds that.

The bound is for the process. Once it is reached, those tenants fetch no more that hold their share of it;
one that holds less goes on, so that a tenant whose target is slow crowds nobody out. So the process holds at
most twice the bound, and what visits had begun to fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.ports.clock import Clock

COUNT_AGAIN = 0.25


class MemoryBudget:
    """`held` tells the octets by tenant; `most` is the bound, 0 for none."""

    def __init__(self, held: Callable[[], Mapping[str, int]], most: int, clock: Clock) -> None:
        self._held = held
        self._most = most
        self._clock = clock
        self._counted: Mapping[str, int] = {}
        self._total = 0
        self._count_at = 0.0

    def reason(self, tenant: str) -> str | None:
        """Why nothing should be fetched for `tenant` now, as a sentence; None where it may."""
        if not self._most:
            return None
        self._count()
        if self._total < self._most or self._counted.get(tenant, 0) < self._most / len(self._counted):
            return None
        return f"this process holds {self._total} bytes of mail, [fetcher] memory_limit is {self._most}"

    def _count(self) -> None:
        moment = self._clock.monotonic()
        if moment >= self._count_at:
            self._counted = self._held()
            self._total = sum(self._counted.values())
            self._count_at = moment + COUNT_AGAIN
