"""Epochs: what the store knows about its own time having run backwards, and whether deletion is allowed.

A database that was restored from a backup tells of mails as they were. Deleting at the sources by what it
says could delete other mails, so that a new epoch begins and deletion waits for an operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Epoch:
    """The epoch in force. `store` names the database for ever; `mark` only ever grows, unless the database
    goes back in time. While `paused_since` is set, nothing is deleted at any source, for `reason`.

    `seen_at` is the date that the fetcher had who advanced the mark last. The days of copies that stay at
    their source are counted from `copies_since` at the earliest, as clocks were wrong before.
    """

    store: str
    number: int
    mark: int
    paused_since: float | None = None
    reason: str | None = None
    seen_at: float | None = None
    copies_since: float = 0.0


class Epochs(Protocol):
    """The store's epochs."""

    async def epoch(self) -> Epoch:
        """The epoch in force."""
        ...

    async def advance_mark(self, seen_at: float | None = None, copies_since: float = 0.0) -> Epoch:
        """Count the mark up, unless deletion is paused; remember the date, and `copies_since` if it is later
        than what is known, or if what is known lies in the future.
        """
        ...

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        """Begin a new epoch, in which nothing is deleted until it is confirmed.

        Without effect where deletion is paused.
        """
        ...

    async def confirm_epoch(self, mark: int) -> Epoch:
        """An operator allows deletion again; the mark goes on beyond `mark`."""
        ...
