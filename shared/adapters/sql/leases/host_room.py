"""How much room the limits of hosts leave for visits, given the leases of this moment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import inf

from shared.model.hosts import HostLimits


class HostRoom:
    """The room at hosts.

    `busy` counts the leases of each; `next_at` is when the next visit to one may begin.
    """

    def __init__(
        self, limits: HostLimits, busy: Mapping[str, int], next_at: Mapping[str, float], now: float
    ) -> None:
        self._limits = limits
        self._busy = Counter(busy)
        self._next_at = dict(next_at)
        self._now = now
        self.full = {host for host in self._busy if self._is_full(host)}
        self.resting = {host for host in self._next_at if self._is_resting(host)}
        self.begun: dict[str, float] = {}

    @property
    def closed(self) -> set[str]:
        """The hosts that have no room for a visit now."""
        return self.full | self.resting

    def take_visit(self, host: str) -> bool:
        """Take the room for one visit; return False where there is none.

        For hosts with a spacing, `begun` then holds when the visit after it may begin.
        """
        if host in self.full or host in self.resting:
            return False
        self._busy[host] += 1
        if self._is_full(host):
            self.full.add(host)
        spacing = self._limits.of(host).spacing
        if spacing > 0:
            self.begun[host] = self._next_at[host] = self._now + spacing
            self.resting.add(host)
        return True

    def left(self, host: str) -> float:
        """Return how many more visits to `host` may begin now; infinity where nothing limits them."""
        if host in self.full or host in self.resting:
            return 0
        limit = self._limits.of(host)
        room = limit.connections - self._busy[host] if limit.connections > 0 else inf
        return min(room, 1) if limit.spacing > 0 else room

    def ready_at(self, host: str, moment: float) -> float | None:
        """Return when an account that is due at `moment` can be visited; None where `host` is full."""
        if host in self.full:
            return None
        return max(moment, self._next_at[host]) if host in self.resting else moment

    def _is_full(self, host: str) -> bool:
        most = self._limits.of(host).connections
        return 0 < most <= self._busy[host]

    def _is_resting(self, host: str) -> bool:
        """Whether the spacing is not over.

        A time further ahead than that was set by a clock that was ahead.
        """
        spacing = self._limits.of(host).spacing
        return self._now < self._next_at[host] <= self._now + spacing
