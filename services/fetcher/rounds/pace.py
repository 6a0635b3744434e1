"""How fast a fetcher may go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.model.hosts import NO_LIMITS, HostLimits
from shared.ops.config import Configuration


@dataclass(frozen=True, slots=True)
class Pace:
    """How many accounts are visited at once, how long a lease lasts in seconds, and what hosts bear."""

    concurrency: int
    account_lease: float
    hosts: HostLimits = NO_LIMITS


MakePace = Callable[[Configuration], Pace]
