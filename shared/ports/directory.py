"""The directory: which recipients exist at a target.

Obligations of an adapter
- It answers within a few seconds. What it cannot tell by then is `UNDECIDED`. Nothing is lost by that: the
  mail is delivered, and the target refuses recipients that do not exist.
- `MISSING` is a definite answer. A refusal for another reason, or a temporary one, is `UNDECIDED`.
- It raises nothing that a target, a network or a file can cause.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.model.account import Account


class Existence(StrEnum):
    """Whether a recipient exists."""

    EXISTS = "exists"
    MISSING = "missing"
    UNDECIDED = "undecided"


class LookupResult(NamedTuple):
    """Whether a recipient exists, and how that is known: part of a sentence, safe to show."""

    existence: Existence
    reason: str


class Directory(Protocol):
    """The recipients of one target. Addresses are given as the target would receive them."""

    def look_up_cached(self, addresses: Collection[str]) -> Mapping[str, LookupResult] | None:
        """Return a result for each address if all are known without waiting, else None."""
        ...

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, LookupResult]:
        """Return a result for each address. Those that are not known are asked about, all at once."""
        ...


class Directories(Protocol):
    """The directories of all accounts."""

    def directory_for(self, account: Account) -> Directory | None:
        """Return the directory of an account; None where the account does not check existence."""
        ...

    async def close_idle(self) -> None:
        """Close the connections that nobody uses; to be called now and then."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...
