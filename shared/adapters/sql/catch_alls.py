"""Targets that accept every address: a row for each domain of theirs, written when a router finds out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import catch_alls
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import CatchAll


class SqlCatchAlls(Repository):
    """The port's `CatchAlls`."""

    async def note_catch_all(self, target: str, domain: str, accepts_all: bool, now: float) -> None:
        """Note what a question brought out; a target that goes on accepting keeps its `since`."""
        await self._transactions.write(_note, CatchAll(key(target), key(domain), now), accepts_all)

    async def catch_alls(self) -> Sequence[CatchAll]:
        """All that are known, by target and domain."""
        return await self._transactions.read(_known)


def _note(transaction: Transaction, found: CatchAll, accepts_all: bool) -> None:
    connection, bulk = transaction
    if accepts_all:
        bulk.insert_absent(connection, catch_alls, [found])
        return
    each = catch_alls.c
    connection.execute(delete(catch_alls).where(each.target == found.target, each.domain == found.domain))


def _known(transaction: Transaction) -> list[CatchAll]:
    each = catch_alls.c
    rows = transaction.connection.execute(select(catch_alls).order_by(each.target, each.domain))
    return [CatchAll(*row) for row in rows]
