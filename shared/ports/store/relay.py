"""What the relay asks of the store: attempts and their outcomes are recorded, and what targets are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.custody.commands import Attempt, Outcomes, Settled
from shared.custody.state import Recipient
from shared.ports.store.router import Serving

LONGEST_REPORT = 600.0
"""Seconds. An outage that claims to hold for longer was reported by a clock that was ahead, and does not
count."""
FACT_HOLDS = 86400.0
"""Seconds for which a fact about a target holds: servers and their settings change."""


class Early(NamedTuple):
    """Recipients of a message whose next attempt is not due yet; each says when it is."""

    message: str
    recipients: tuple[Recipient, ...]


class Begun(NamedTuple):
    """Attempts that have begun, and what has to be asked for again later."""

    servings: Sequence[Serving]
    early: Sequence[Early]


@dataclass(frozen=True, slots=True)
class Concluded:
    """What followed from a batch: messages that are settled now, and how many outcomes were stale."""

    settled: tuple[Settled, ...]
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A target that cannot be reached since `since` for this `reason`; the report holds until `until`.

    Both are seconds since the epoch.
    """

    target: str
    since: float
    until: float
    reason: str


class FactKind(StrEnum):
    """RECIPIENTS: the most recipients in one transaction. UNVERIFIED: connections are encrypted, but the
    server's identity is not verified. CLEAR: connections are not encrypted.
    """

    RECIPIENTS = "recipients"
    UNVERIFIED = "unverified"
    CLEAR = "clear"


class TargetFact(NamedTuple):
    """One fact: `value` is the number or the reason. It holds from `since` until `until`, in seconds since
    the epoch.
    """

    target: str
    kind: FactKind
    value: str
    since: float
    until: float


class RelayStore(Protocol):
    """What the relay records and reads."""

    async def begin_attempts(self, attempts: Sequence[Attempt], now: float, lease: float) -> Begun:
        """Begin those attempts that are due and not stale.

        The attempt numbers of the recipients returned are those of the attempts begun. Each mail has a
        message lease of `lease` seconds from `now`.
        """
        ...

    async def extend_attempts(self, attempts: Sequence[Attempt], now: float, lease: float) -> None:
        """Extend the message leases of attempts that are still being made by `lease` seconds from `now`.

        They are given with the numbers that they were begun with.
        """
        ...

    async def end_attempts(self, outcomes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        """Record outcomes; resolve claims and the recipients that waited for them."""
        ...

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        """Note these outages, in place of earlier reports about their targets.

        A report that nobody repeats ends by itself, so that a dead relay holds up no mail.
        """
        ...

    async def end_outages(self, targets: Sequence[str]) -> None:
        """Forget the outages of these targets: they were reached."""
        ...

    async def note_target_facts(self, facts: Sequence[TargetFact]) -> None:
        """Note these facts, in place of earlier ones of their kind about their targets."""
        ...

    async def forget_target_facts(self, target: str, kinds: Sequence[FactKind]) -> None:
        """Forget the facts of these kinds: they no longer hold."""
        ...

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """Return the facts that hold now, by target and kind, at most one of a kind for each target.

        One from the future was noted by a clock that was ahead, and does not count.
        """
        ...
