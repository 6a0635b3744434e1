"""The port `RelayStore` in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.sql.deliveries import begin_attempts, end_attempts, extend_attempts
from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.targets import (
    end_outages,
    forget_target_facts,
    known_target_facts,
    note_target_facts,
    report_outages,
)
from shared.custody.commands import Attempt, Outcomes
from shared.ports.store import Begun, Concluded, FactKind, Outage, TargetFact


class SqlRelayStore:
    """What the relay records and reads, see `RelayStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def begin_attempts(self, attempts: Sequence[Attempt], now: float, lease: float) -> Begun:
        """Begin those attempts that are due and not stale."""
        return await self._runner.write_counting_doubts(begin_attempts, attempts, now, lease)

    async def extend_attempts(self, attempts: Sequence[Attempt], now: float, lease: float) -> None:
        """Extend the message leases of attempts that are still being made."""
        await self._runner.write(extend_attempts, attempts, now, lease)

    async def end_attempts(self, outcomes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        """Record outcomes; resolve claims and the recipients that waited for them."""
        return await self._runner.write(end_attempts, outcomes, now, lease)

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        """Note these outages, in place of earlier reports about their targets."""
        await self._runner.write(report_outages, outages)

    async def end_outages(self, targets: Sequence[str]) -> None:
        """Forget the outages of these targets: they were reached."""
        await self._runner.write(end_outages, targets)

    async def note_target_facts(self, facts: Sequence[TargetFact]) -> None:
        """Note these facts, in place of earlier ones of their kind about their targets."""
        await self._runner.write(note_target_facts, facts)

    async def forget_target_facts(self, target: str, kinds: Sequence[FactKind]) -> None:
        """Forget the facts of these kinds: they no longer hold."""
        await self._runner.write(forget_target_facts, target, kinds)

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """Return the facts that hold now, by target and kind."""
        return await self._runner.read(known_target_facts, now)
