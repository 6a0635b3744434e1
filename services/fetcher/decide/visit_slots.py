"""How many visits may begin, and which have to end for others: decided from the visits that run now. Pure.

A visit that makes progress, or has just begun, takes a *working* slot. A visit that waits for its server, or
receives next to nothing from it, is stalled and takes a *waiting* slot. So servers that are silent or slow
keep no other account from being visited. Where the waiting slots are full and an account is due, the visits
that have been stalled longest end.

Where a process serves several tenants, none of them gets more than three quarters of either kind of slot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.model.tenant_room import TenantRoom

PROGRESS_OCTETS = 4096
"""Octets that count as progress, as a complete answer does. Within `STALL_LIMIT` they are 270 octets a
second: a modem of 1990 is ten times as fast."""
SILENT_AFTER = 5.0
"""Seconds without an octet. Servers that list a large mailbox may need longer for their first; then the visit
takes a waiting slot for a while, which does no harm unless all of these are taken."""
SLOW_AFTER = 8.0
"""Seconds without progress."""
LOGIN_WITHIN = 5.0
"""Seconds. Nearly all servers have accepted the login by then; a visit that takes longer is stalled."""
STALL_LIMIT = 15.0
"""Seconds without progress after which another account may have the slot."""
FEWEST_WAITING = 32
"""Waiting slots at least; each costs a socket and some 100 kB."""
END_PART = 4
"""One in so many stalled visits ends at a time, so that it can be seen whether that was enough."""
RESERVED_PART = 4
"""One slot in so many is kept from any single tenant, where there are several."""


class VisitState(StrEnum):
    """`connecting`: not logged in yet. `silent`: the server sends nothing. `slow`: it sends next to nothing.
    `working`: all others, also visits that wait for Mailferry and not for the server.
    """

    CONNECTING = "connecting"
    SILENT = "silent"
    SLOW = "slow"
    WORKING = "working"


class ActiveVisit(NamedTuple):
    """A visit that runs, without progress for `idle` seconds; 0 where it does not wait for its server."""

    account: str
    tenant: str
    state: VisitState
    idle: float

    @property
    def is_stalled(self) -> bool:
        """Whether it takes a waiting slot, not a working one."""
        if self.state is VisitState.CONNECTING:
            return self.idle > LOGIN_WITHIN
        return self.state is not VisitState.WORKING


@dataclass(frozen=True, slots=True)
class VisitSlots:
    """How many visits of each kind there can be. With `several_tenants` these share the slots."""

    working: int
    waiting: int
    several_tenants: bool = False

    @property
    def total(self) -> int:
        """All slots."""
        return self.working + self.waiting

    def most_for_a_tenant(self, slots: int) -> int:
        """Return how many of so many slots one tenant can have."""
        if not self.several_tenants or slots == 1:
            return slots
        return slots - max(1, slots // RESERVED_PART)


def state_of(*, logged_in: bool, silent_for: float, idle: float) -> VisitState:
    """Return the state of a visit that waits for its server, by the seconds since the last octet and since
    the last progress.
    """
    if not logged_in:
        return VisitState.CONNECTING
    if silent_for > SILENT_AFTER:
        return VisitState.SILENT
    return VisitState.SLOW if idle > SLOW_AFTER else VisitState.WORKING


def free_slots(active: Sequence[ActiveVisit], slots: VisitSlots) -> int:
    """Return how many visits can begin now."""
    working = sum(not each.is_stalled for each in active)
    return max(0, min(slots.working - working, slots.total - len(active)))


def free_slots_by_tenant(active: Sequence[ActiveVisit], slots: VisitSlots) -> TenantRoom | None:
    """Return how many visits can begin now for each tenant; None where that is not limited."""
    if not slots.several_tenants:
        return None
    most_working, most = slots.most_for_a_tenant(slots.working), slots.most_for_a_tenant(slots.total)
    working = Counter(each.tenant for each in active if not each.is_stalled)
    taken = Counter(each.tenant for each in active)
    left = {tenant: max(0, min(most_working - working[tenant], most - taken[tenant])) for tenant in taken}
    return TenantRoom(most_working, left)


def visits_to_end(active: Sequence[ActiveVisit], slots: VisitSlots) -> list[str]:
    """Return the accounts whose visits have to end, as another account waits for a slot.

    Only stalled visits end, and only where they hold what others wait for: all slots are taken, or all that
    their own tenant can have. The tenant with most visits comes first, and of its visits those that have been
    stalled longest.
    """
    taken = Counter(each.tenant for each in active)
    most = slots.most_for_a_tenant(slots.total)
    all_taken = len(active) >= slots.total
    stalled = [
        each
        for each in active
        if each.is_stalled and each.idle >= STALL_LIMIT and (all_taken or taken[each.tenant] >= most)
    ]
    stalled.sort(key=lambda each: (-taken[each.tenant], -each.idle, each.account))
    return [each.account for each in stalled[: -(-len(stalled) // END_PART)]]
