"""Targets that cannot be reached, as far as the relays know; the fetchers leave their mail at its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LONGEST_REPORT = 600.0
"""Seconds. A report that claims to hold for longer was made by a clock that was ahead, and does not count."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A target that cannot be reached, `since` then and for this `reason`; the report holds until `until`.

    Both are seconds since the epoch.
    """

    target: str
    since: float
    until: float
    reason: str


class Outages(Protocol):
    """Reports about targets; one that nobody repeats ends by itself, so that no dead relay holds up mail."""

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        """Note these, in place of earlier reports about their targets."""
        ...

    async def end_outages(self, targets: Sequence[str]) -> None:
        """These targets were reached."""
        ...

    async def outages(self, now: float) -> Sequence[Outage]:
        """The reports that hold now, by target."""
        ...
