"""Facts that a relay learns about its targets: recipient limits, and what connections lack of TLS.

They are kept in the store for later relays and for operators. A delivery never waits for the store: a fact
counts at once in this process, and is written a moment later. A fact holds for a day.
"""

from __future__ import annotations

import structlog

from shared.model.errors import MailferryError
from shared.net.protection import Shortfall
from shared.ports.clock import Clock
from shared.ports.store import FACT_HOLDS, FactKind, RelayStore, TargetFact

TICK = 1.0
RENEWED_AFTER = FACT_HOLDS / 4
"""Seconds after which a fact that is observed again is written again."""

PROTECTION = (FactKind.UNVERIFIED, FactKind.CLEAR)

_NOT_PROTECTED = {
    FactKind.UNVERIFIED: "connections to the target are encrypted, but it is not verified",
    FactKind.CLEAR: "connections to the target are not encrypted",
}

log = structlog.get_logger("mailferry.relay")


class LearntFacts:
    """The facts by target and kind; `run` reads the known facts and writes new ones."""

    def __init__(self, store: RelayStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[str, FactKind], TargetFact] = {}
        self._unwritten: dict[tuple[str, FactKind], TargetFact | None] = {}

    def recipient_limit(self, target: str) -> int | None:
        """Return the most recipients that the target accepts in one transaction; None: not known."""
        fact = self._known.get((target, FactKind.RECIPIENTS))
        if fact is None or not fact.value.isdecimal() or self._clock.now() >= fact.until:
            return None
        return max(1, int(fact.value))

    def learn_recipient_limit(self, target: str, number: int) -> None:
        """Note that the target refused more than `number` recipients as too many."""
        if self._learn_fact(target, FactKind.RECIPIENTS, str(number)):
            log.info("target limits the recipients of a transaction", target=target, recipients=number)

    def learn_protection(self, target: str, shortfall: Shortfall | None) -> None:
        """Note what a new connection lacks of the TLS that was wanted; None: nothing."""
        kind = None if shortfall is None else FactKind.UNVERIFIED if shortfall.encrypted else FactKind.CLEAR
        for other in PROTECTION:
            if other is not kind and self._known.pop((target, other), None) is not None:
                self._unwritten[target, other] = None
        if kind is not None and shortfall is not None and self._learn_fact(target, kind, shortfall.sentence):
            log.warning(_NOT_PROTECTED[kind], target=target, reason=shortfall.sentence)

    async def run(self) -> None:
        """Read the known facts, then write new ones until cancelled; write those left at the end."""
        await self._read_facts()
        try:
            while True:
                await self._clock.sleep(TICK)
                await self._write_facts()
        finally:
            await self._write_facts()

    def _learn_fact(self, target: str, kind: FactKind, value: str) -> bool:
        """Note a fact; return whether it is new."""
        now = self._clock.now()
        before = self._known.get((target, kind))
        new = before is None or before.value != value or now >= before.until
        if before is None or new or now >= before.until - FACT_HOLDS + RENEWED_AFTER:
            since = now if before is None or new else before.since
            fact = TargetFact(target, kind, value, since, now + FACT_HOLDS)
            self._known[target, kind] = self._unwritten[target, kind] = fact
        return new

    async def _read_facts(self) -> None:
        try:
            facts = await self._store.target_facts(self._clock.now())
        except MailferryError as error:
            log.warning("facts about targets not read", error=error)
            return
        for fact in facts:
            self._known.setdefault((fact.target, fact.kind), fact)

    async def _write_facts(self) -> None:
        unwritten, self._unwritten = self._unwritten, {}
        facts = [fact for fact in unwritten.values() if fact is not None]
        forgotten = [key for key, fact in unwritten.items() if fact is None]
        try:
            if facts:
                await self._store.note_target_facts(facts)
            for target, kind in forgotten:
                await self._store.forget_target_facts(target, [kind])
        except MailferryError as error:
            log.warning("facts about targets not written", error=error)
            self._unwritten = unwritten | self._unwritten
