"""Forgetting: mails that left their sources long ago, with their journal and the claims that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Pruned:
    """One step: `messages` were forgotten, whose `blobs`, if any were left, may go.

    The next step begins after `last`, None where nothing beyond can be old enough.
    """

    last: str | None
    messages: int = 0
    blobs: tuple[str, ...] = ()


class Pruning(Protocol):
    """What may be forgotten."""

    async def prune(self, after: str, gone_before: float, limit: int) -> Pruned:
        """Look at `limit` messages beyond the id `after`, and forget those that were gone before this time
        (seconds since the epoch) and of which nothing is left to be done.

        A mail is not forgotten while its source has it, nor while a recipient is parked.
        """
        ...
