"""The accounts' schedule, and who visits them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.custody.commands import Fence


@dataclass(frozen=True, slots=True)
class Schedule:
    """An account that is to be visited every `poll` seconds while `enabled`."""

    account: str
    poll: float
    enabled: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to visit an account until `until`; `failures` counts the visits that failed in a row."""

    fence: Fence
    until: float
    failures: int


@dataclass(frozen=True, slots=True)
class VisitReport:
    """How a visit ended: `problem` is None when all went well; counts are of this visit.

    A visit that `failed` is tried again at growing distance, one with only a problem was complete but for
    what it says. `waiting` mails were seen at the source and are not settled yet.
    """

    problem: str | None = None
    failed: bool = False
    fetched: int = 0
    deleted: int = 0
    waiting: int = 0
    temporary: bool = True


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


class Leases(Protocol):
    """The accounts' schedule, and who visits them."""

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Make these the known accounts: new ones are due at once, those not named are disabled; others keep
        their state.
        """
        ...

    async def lease_due(self, owner: str, now: float, until: float, limit: int) -> Sequence[Lease]:
        """Lease up to `limit` enabled accounts that are due and not leased, the most overdue first.

        What was put off, or leased, for longer than is ever done was so by a clock that was ahead, and does
        not count.
        """
        ...

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds, due or not."""
        ...

    async def renew(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; returns those that still held."""
        ...

    async def release(self, fence: Fence, report: VisitReport, now: float, due_at: float) -> None:
        """End a visit and its lease; the account is due again at `due_at`. A lease that passed on is left
        alone.

        Failures in a row are counted up by a visit that failed, and set to zero by any other.
        """
        ...

    async def end_leases(self) -> int:
        """End all leases: their holders are known to be no more. Returns how many."""
        ...

    async def next_due(self) -> float | None:
        """When the next enabled account will be due or its lease will have run out; None where there is
        none.
        """
        ...

    async def account_states(self) -> Sequence[AccountState]:
        """All known accounts, by name."""
        ...
