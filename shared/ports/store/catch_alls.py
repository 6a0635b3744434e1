"""Targets that accept every address of a domain, as the routers found when they asked who exists there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class CatchAll(NamedTuple):
    """A target that has accepted an address that nobody has, in this domain, since then (seconds since the
    epoch).
    """

    target: str
    domain: str
    since: float


class CatchAlls(Protocol):
    """What was found out, kept for the operators; a router that needs it asks the target itself."""

    async def note_catch_all(self, target: str, domain: str, accepts_all: bool, now: float) -> None:
        """Note what a question brought out; a target that goes on accepting keeps its `since`."""
        ...

    async def catch_alls(self) -> Sequence[CatchAll]:
        """All that are known, by target and domain."""
        ...
