"""The directory: which recipients exist at a target.

Obligations of an adapter
- What it cannot tell, or not in a few seconds, is `UNDECIDED`: nobody waits for a directory, and nothing is
  lost by delivering to somebody of whom it is not known that he exists, as the target is asked then in any
  case.
- `MISSING` is a definite answer; a refusal for another reason, or for the time being, is none.
- It raises nothing that a target, a network or a file can bring about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.model.account import Account
from shared.model.target import Target


class Existence(StrEnum):
    """Whether a recipient exists."""

    EXISTS = "exists"
    MISSING = "missing"
    UNDECIDED = "undecided"


class Finding(NamedTuple):
    """A recipient's standing, and in words how that is known: safe to show, a part of a sentence."""

    standing: Existence
    reason: str


class Directory(Protocol):
    """Who exists at one target. Addresses are given as the target would be told them."""

    def at_hand(self, addresses: Collection[str]) -> Mapping[str, Finding] | None:
        """A finding for each of `addresses` if all are known without waiting for anything, else None."""
        ...

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, Finding]:
        """A finding for each of `addresses`, after asking for those that are not known, all at once."""
        ...


class Directories(Protocol):
    """The directories of all accounts."""

    def of(self, account: Account) -> Directory | None:
        """The directory of an account; None where it does not want to know who exists."""
        ...

    async def change(self, targets: Mapping[str, Target]) -> None:
        """Ask these targets, by their names, from now on."""
        ...

    async def tidy(self) -> None:
        """Close what nobody uses; to be called now and then."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...
