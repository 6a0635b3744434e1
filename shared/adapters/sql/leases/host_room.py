"""How much room the limits of hosts leave for visits, given what is leased at this moment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from shared.model.hosts import HostLimits


class HostRoom:
    """`busy` counts the leases of each host, `next_at` tells when the next visit to one may begin."""

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
        """The hosts that bear no further visit now."""
        return self.full | self.resting

    def take(self, host: str) -> bool:
        """Take the room for one visit; False where there is none.

        What `begun` holds then is when the visit after it may begin, for hosts that want a distance.
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

    def opens_at(self, host: str) -> float:
        """When a resting host bears the next visit."""
        return self._next_at[host]

    def _is_full(self, host: str) -> bool:
        most = self._limits.of(host).connections
        return 0 < most <= self._busy[host]

    def _is_resting(self, host: str) -> bool:
        """A time further ahead than the distance was set by a clock that was ahead."""
        spacing = self._limits.of(host).spacing
        return self._now < self._next_at[host] <= self._now + spacing
