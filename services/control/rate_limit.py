"""How many requests somebody may make: a bucket of tokens that fills up again (pure but for its state)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

MOST_KNOWN = 10_000
"""Callers that are remembered; one that was forgotten has a full bucket, as after a pause."""


class RateLimit:
    """Allows `per_minute` requests of each caller, and as many at once after a pause.

    `clock` gives monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / 60.0
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_for(self, caller: str, cost: float = 1.0) -> float:
        """Return 0 and count a request, or the seconds until the next one is allowed."""
        now = self._clock()
        left, at = self._left.pop(caller, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_second)
        allowed = left >= cost
        self._left[caller] = (left - cost if allowed else left, now)
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        return 0.0 if allowed else (cost - left) / self._per_second

    def is_exhausted(self, caller: str) -> float:
        """Return the seconds until the next request is allowed, without counting one."""
        return self.wait_for(caller, 0.0) if caller not in self._left else self._missing(caller)

    def _missing(self, caller: str) -> float:
        left, at = self._left[caller]
        left = min(self._most, left + (self._clock() - at) * self._per_second)
        return 0.0 if left >= 1.0 else (1.0 - left) / self._per_second


def seconds_text(seconds: float) -> str:
    """Return a time to wait in whole seconds, as `Retry-After` has it."""
    return str(max(1, math.ceil(seconds)))
