"""The port `RouterStore` in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from shared.adapters.sql.routings import record_routed
from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.targets import note_catch_all
from shared.custody.commands import RoutedMail, Settled
from shared.ports.store import Serving


class SqlRouterStore:
    """What the router records, see `RouterStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def record_routed(
        self, mails: Sequence[RoutedMail], now: float, lease: float, longest: float = inf
    ) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record recipients and claims; return what is to be published."""
        return await self._runner.write_counting_doubts(record_routed, mails, now, lease, longest)

    async def note_catch_all(self, target: str, domain: str, accepts_all: bool, now: float) -> None:
        """Note whether a target accepts an address of `domain` that nobody has."""
        await self._runner.write(note_catch_all, target, domain, accepts_all, now)
