"""Decide which visits may begin, and which have to give up their place to others.

A visit that makes progress, or has just begun, takes one of the *working* places. A visit whose server is
silent or slow takes one of the *waiting* places, so that such servers do not keep others from work. Where all
waiting places are taken and another visit wants one, the visits that made no progress for longest are ended.

Where a process serves several tenants, none of them gets more than three quarters of either kind of place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.model.tenant_room import TenantRoom

PROGRESS_OCTETS = 4096
"""Octets that count as progress; a complete answer does, too. Within `PATIENCE` that is 270 octets per
second, a tenth of a modem of 1990."""
SILENT_AFTER = 5.0
"""Seconds without an octet. A server that lists a large mailbox may need longer for its first octet. Then the
visit takes a waiting place for a while, which does no harm unless all of them are taken."""
SLOW_AFTER = 8.0
"""Seconds without progress."""
CONNECTED_WITHIN = 5.0
"""Seconds until nearly every server has accepted the login; a visit that takes longer counts as waiting."""
PATIENCE = 15.0
"""Seconds without progress before another visit can have the place."""
FEWEST_WAITING = 32
"""Waiting places; each costs a socket and some 100 kB."""
AT_ONCE = 4
"""One in so many of the visits without progress ends at a time, to see whether that is enough."""
RESERVED = 4
"""One place in so many is kept from any single tenant, where there are several tenants."""


class VisitState(StrEnum):
    """`connecting`: not logged in yet. `silent`: the server sends nothing. `slow`: it sends next to nothing.
    `working`: all others, also those that wait for us and not for the server.
    """

    CONNECTING = "connecting"
    SILENT = "silent"
    SLOW = "slow"
    WORKING = "working"


class Active(NamedTuple):
    """An active visit. `idle`: seconds without progress, 0 where it does not wait for its server."""

    account: str
    tenant: str
    state: VisitState
    idle: float

    @property
    def is_stalled(self) -> bool:
        """Whether the visit takes a waiting place."""
        if self.state is VisitState.CONNECTING:
            return self.idle > CONNECTED_WITHIN
        return self.state is not VisitState.WORKING


@dataclass(frozen=True, slots=True)
class Places:
    """How many visits of each kind there can be. `shared`: several tenants share them."""

    working: int
    waiting: int
    shared: bool = False

    @property
    def total(self) -> int:
        """All places."""
        return self.working + self.waiting

    def of_one_tenant(self, places: int) -> int:
        """Return how many of so many places one tenant can have."""
        if not self.shared or places == 1:
            return places
        return places - max(1, places // RESERVED)


def state_of(*, logged_in: bool, silent_for: float, idle: float) -> VisitState:
    """Return the state of a visit that waits for its server.

    `silent_for` and `idle`: seconds since the last octet, and since the last progress.
    """
    if not logged_in:
        return VisitState.CONNECTING
    if silent_for > SILENT_AFTER:
        return VisitState.SILENT
    return VisitState.SLOW if idle > SLOW_AFTER else VisitState.WORKING


def free(active: Sequence[Active], places: Places) -> int:
    """Return how many visits can begin now."""
    busy = sum(not each.is_stalled for each in active)
    return max(0, min(places.working - busy, places.total - len(active)))


def tenant_room(active: Sequence[Active], places: Places) -> TenantRoom | None:
    """Return how many visits can begin now for each tenant; None where that is not limited."""
    if not places.shared:
        return None
    working, total = places.of_one_tenant(places.working), places.of_one_tenant(places.total)
    busy = Counter(each.tenant for each in active if not each.is_stalled)
    held = Counter(each.tenant for each in active)
    left = {tenant: max(0, min(working - busy[tenant], total - held[tenant])) for tenant in held}
    return TenantRoom(working, left)


def to_end(active: Sequence[Active], places: Places) -> list[str]:
    """Return the accounts whose visits give up their places, as another visit waits for one.

    Only visits without progress end, and only where all places are taken, or all that their tenant can have.
    Visits of the tenant with most visits end first, those longest without progress before others.
    """
    held = Counter(each.tenant for each in active)
    most = places.of_one_tenant(places.total)
    is_full = len(active) >= places.total
    stalled = [
        each
        for each in active
        if each.is_stalled and each.idle >= PATIENCE and (is_full or held[each.tenant] >= most)
    ]
    stalled.sort(key=lambda each: (-held[each.tenant], -each.idle, each.account))
    return [each.account for each in stalled[: -(-len(stalled) // AT_ONCE)]]
