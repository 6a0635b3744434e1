"""How many visits a fetcher makes at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.fetcher.decide.visit_slots import FEWEST_WAITING, VisitSlots
from shared.config import Configuration
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.ports.store import Extent


@dataclass(frozen=True, slots=True)
class Concurrency:
    """`visits` counts those that make progress: visits that wait for a silent or slow server have slots of
    their own. `account_lease` is in seconds; `hosts` limits the visits to a host;
    `open_sessions` is how many sessions may stay open between visits. With `several_tenants`
    these share the slots.
    """

    visits: int
    account_lease: float
    hosts: HostLimits = NO_LIMITS
    several_tenants: bool = False
    open_sessions: int = 0

    @property
    def slots(self) -> VisitSlots:
        """The slots for visits."""
        return VisitSlots(self.visits, max(self.visits, FEWEST_WAITING), self.several_tenants)


MakeConcurrency = Callable[[Configuration, Extent], Concurrency]
