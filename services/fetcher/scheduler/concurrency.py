"""How fast a fetcher may go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.fetcher.decide.places import FEWEST_WAITING, Places
from shared.config import Configuration
from shared.model.hosts import NO_LIMITS, HostLimits


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many accounts are visited at once, how long a lease lasts in seconds, and what hosts bear.

    `concurrency` does not count visits that wait for a server which is silent or slow: these have places of
    their own. With `several_tenants` these share the places.
    """

    concurrency: int
    account_lease: float
    hosts: HostLimits = NO_LIMITS
    several_tenants: bool = False

    @property
    def places(self) -> Places:
        """The places for visits."""
        return Places(self.concurrency, max(self.concurrency, FEWEST_WAITING), self.several_tenants)


MakeConcurrency = Callable[[Configuration], Concurrency]
