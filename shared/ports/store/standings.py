"""How all accounts stand, in few columns: what is asked often, by every fetcher, of thousands of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class AccountSummary(NamedTuple):
    """How an account stands; times are seconds since the epoch, None where it never happened.

    `failing`: the last visit failed. `has_problem`: it was complete but for something, or failed. Until
    `lease_until` it is being visited; who visited it and was killed leaves one that is over.
    """

    account: str
    enabled: bool
    paused: bool
    failing: bool
    has_problem: bool
    lease_until: float | None
    due_at: float
    visited_at: float | None
    succeeded_at: float | None


class CustodySummary(NamedTuple):
    """Mails that are not done: `at_source` ones are in their mailbox still, as far as is known, those held
    `here` alone are not.
    """

    at_source: int = 0
    here: int = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(self)


class AccountSummaries(Protocol):
    """How accounts stand, and what is in custody for some of them."""

    async def standings(self) -> Sequence[AccountSummary]:
        """Every account that was ever scheduled, in no order."""
        ...

    async def in_custody(self, accounts: Sequence[str]) -> Mapping[str, CustodySummary]:
        """The mails of these accounts that are not done; accounts without any are left out.

        Mails that left their source and of which no copy is held are not counted: `left_behind` tells them.
        """
        ...

    async def lost_total(self) -> int:
        """How many mails `left_behind` would tell."""
        ...
