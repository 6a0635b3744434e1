"""The accounts' schedule, and who visits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.custody.commands import Fence
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.read_failure import ReadFailure
from shared.model.tenant_room import TenantRoom

LONGEST_WAIT = 86_400.0
"""Seconds: as long as a server may ask to be left alone. No account waits longer for its next visit, but for
a tenth by chance, where its own interval is not longer still.
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An account at `host` that is to be visited every `poll` seconds while `enabled`."""

    account: str
    poll: float
    enabled: bool
    host: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to visit an account until `until`; `failures` counts the visits that failed in a row.

    `method` is the way of logging in that worked last time. With `is_fresh` the ledger holds no mail of the
    account: as only the lease's holder enters any, this stays true until it does. `setbacks` are the mails
    that earlier visits could not read. `state` is text of the mailbox's own, from the last release.
    """

    fence: Fence
    until: float
    failures: int
    method: str | None = None
    is_fresh: bool = False
    setbacks: tuple[ReadFailure, ...] = ()
    state: str | None = None


@dataclass(frozen=True, slots=True)
class VisitReport:
    """How a visit ended: `problem` is None when all went well; counts are of this visit.

    A visit that `failed` is tried again at growing distance, one with only a problem was complete but for
    what it says. `waiting` mails were seen at the source and are not settled yet. `method` is the way of
    logging in to be tried first next time, None to forget it; `setbacks` and `state` are given to the
    next visit with its lease.
    """

    problem: str | None = None
    failed: bool = False
    fetched: int = 0
    deleted: int = 0
    waiting: int = 0
    temporary: bool = True
    method: str | None = None
    setbacks: tuple[ReadFailure, ...] = ()
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A visit ended at `now` with this report; the account is due again at `due_at`."""

    fence: Fence
    report: VisitReport
    now: float
    due_at: float


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is known of an account; times are seconds since the epoch, None where it never happened."""

    account: str
    enabled: bool
    due_at: float
    leased_by: str | None
    lease_until: float | None
    failures: int
    problem: str | None
    visited_at: float | None
    succeeded_at: float | None
    waiting: int
    paused: bool = False
    method: str | None = None
    host: str = ""
    setbacks: tuple[ReadFailure, ...] = ()


class Leases(Protocol):
    """The accounts' schedule, and who visits them."""

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Enter these accounts: new ones are due at once, others keep their state. Those that are not named
        are left alone, as another process may serve them by another file.
        """
        ...

    async def lease_due(
        self,
        owner: str,
        now: float,
        until: float,
        limit: int,
        hosts: HostLimits = NO_LIMITS,
        tenants: TenantRoom | None = None,
    ) -> Sequence[Lease]:
        """Lease up to `limit` enabled accounts that are due, not paused and not leased, the most overdue
        first. Of a tenant no more than `tenants` has room for; a tenant without room keeps no other waiting.

        Never more of a host than `hosts` allows, counting the leases of all processes; hosts that bear no
        more do not keep the others waiting. What was put off, or leased, for longer than is ever done was so
        by a clock that was ahead, and does not count.
        """
        ...

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds and that are not paused, due or not."""
        ...

    async def renew(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; returns those that still held."""
        ...

    async def release(self, releases: Sequence[Release]) -> None:
        """End visits and their leases, also where the caller is cancelled meanwhile. A lease that passed on
        is left alone.

        Failures in a row are counted up by a visit that failed, and set to zero by any other.
        """
        ...

    async def end_leases(self) -> int:
        """End all leases: their holders are known to be no more. Returns how many."""
        ...

    async def hand_back(self, fences: Mapping[Fence, float], due_at: float) -> None:
        """End these leases without a visit, as the accounts are not known here; they are due again at
        `due_at`.

        One that nobody visited since the time given with its fence (0 for any) is disabled: no file names it.
        """
        ...

    async def make_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them."""
        ...

    async def next_due(self, now: float = 0.0, hosts: HostLimits = NO_LIMITS) -> float | None:
        """When the next account will be due, or its lease will have run out, at a host that bears a visit
        then; None where there is none.

        Hosts that have as many visits as they bear `now` do not count: nobody knows when one ends.
        """
        ...

    async def account_states(self) -> Sequence[AccountState]:
        """All known accounts, by name."""
        ...
