"""What relays have learnt about targets: how many recipients one takes at a time, how its connections are
protected.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

HOLDS = 86400.0
"""Seconds for which a fact holds: servers and their settings change."""


class FactKind(StrEnum):
    """RECIPIENTS: the most recipients in one transaction. UNVERIFIED: connections are encrypted, but nobody
    has verified the server. CLEAR: connections are not encrypted.
    """

    RECIPIENTS = "recipients"
    UNVERIFIED = "unverified"
    CLEAR = "clear"


class TargetFact(NamedTuple):
    """One fact: `value` is the number or the reason; it holds from `since` until `until`, both in seconds
    since the epoch.
    """

    target: str
    kind: FactKind
    value: str
    since: float
    until: float


class TargetFacts(Protocol):
    """The facts, at most one of a kind for each target."""

    async def note_target_facts(self, facts: Sequence[TargetFact]) -> None:
        """Note these, in place of earlier facts of their kind about their targets."""
        ...

    async def forget_target_facts(self, target: str, kinds: Sequence[FactKind]) -> None:
        """These are not so any more."""
        ...

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """The facts that hold now, by target and kind; one from the future was noted by a clock that was
        ahead, and does not count.
        """
        ...
