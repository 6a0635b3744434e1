"""What relays have learnt about targets: a handful of rows, written when something new is learnt."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import target_facts
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import FactKind, TargetFact
from shared.ports.store.target_facts import HOLDS


class SqlTargetFacts(Repository):
    """The port's `TargetFacts`."""

    async def note_target_facts(self, facts: Sequence[TargetFact]) -> None:
        """Note these, in place of earlier facts of their kind about their targets."""
        await self._transactions.write(_note, facts)

    async def forget_target_facts(self, target: str, kinds: Sequence[FactKind]) -> None:
        """These are not so any more."""
        await self._transactions.write(_forget, target, kinds)

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """The facts that hold now, by target and kind."""
        return await self._transactions.read(lambda transaction: _known(transaction, now))


def _note(transaction: Transaction, facts: Sequence[TargetFact]) -> None:
    rows = sorted(
        (key(each.target), each.kind.value, key(each.value), each.since, each.until) for each in facts
    )
    transaction.bulk.put(transaction.connection, target_facts, rows)


def _forget(transaction: Transaction, target: str, kinds: Sequence[FactKind]) -> None:
    each = target_facts.c
    forgotten = [kind.value for kind in kinds]
    transaction.connection.execute(
        delete(target_facts).where(each.target == key(target), each.kind.in_(forgotten))
    )


def _known(transaction: Transaction, now: float) -> list[TargetFact]:
    each = target_facts.c
    kinds = [kind.value for kind in FactKind]
    holding = (
        select(each.target, each.kind, each.value, each.since, each.until)
        .where(each.until > now, each.until <= now + HOLDS, each.kind.in_(kinds))
        .order_by(each.target, each.kind)
    )
    return [
        TargetFact(row.target, FactKind(row.kind), row.value, row.since, row.until)
        for row in transaction.connection.execute(holding)
    ]
