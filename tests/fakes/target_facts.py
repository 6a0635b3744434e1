"""A store of target facts in memory that can be unavailable."""

from __future__ import annotations

from collections.abc import Sequence

from shared.ports.store import FactKind, StoreUnavailable, TargetFact


class FactsInMemory:
    """The target facts of a `RelayStore`; while it `is_away` every call fails."""

    def __init__(self, *facts: TargetFact) -> None:
        self.facts = {(fact.target, fact.kind): fact for fact in facts}
        self.is_away = False
        self.calls = 0

    async def note_target_facts(self, facts: Sequence[TargetFact]) -> None:
        self._check()
        self.facts |= {(fact.target, fact.kind): fact for fact in facts}

    async def forget_target_facts(self, target: str, kinds: Sequence[FactKind]) -> None:
        self._check()
        for kind in kinds:
            self.facts.pop((target, kind), None)

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        self._check()
        return [fact for fact in self.facts.values() if fact.until > now]

    def _check(self) -> None:
        self.calls += 1
        if self.is_away:
            raise StoreUnavailable("The database is away.")
