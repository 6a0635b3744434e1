"""The epoch: one row that only ever counts up, unless somebody restores a backup."""

from __future__ import annotations

from math import inf

from sqlalchemy import or_, select, update

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import epoch
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Epoch

ROW = epoch.c
APART = 3600.0
"""Seconds by which clocks may differ."""
ONLY = 1
"""The row's id."""


class SqlEpochs(Repository):
    """The port's `Epochs`."""

    async def epoch(self) -> Epoch:
        """The epoch in force."""
        return await self._transactions.read(_epoch)

    async def advance_mark(self, seen_at: float | None = None, copies_since: float = 0.0) -> Epoch:
        """Count the mark up, unless deletion is paused; remember what is known of clocks."""
        return await self._transactions.write(_advance, seen_at, copies_since)

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        """Begin a new epoch, in which nothing is deleted until it is confirmed."""
        return await self._transactions.write(_pause, safe(reason), now)

    async def confirm_epoch(self, mark: int) -> Epoch:
        """Allow deletion again."""
        return await self._transactions.write(_confirm, mark)


def allows_deletion(transaction: Transaction, mark: int) -> bool:
    """Whether mails may be deleted at their sources, for somebody who has seen `mark` before."""
    connection, bulk = transaction
    rows = bulk.select(connection, epoch, ["id"], [(ONLY,)], fields=("paused_since", "mark"))
    return any(paused_since is None and known >= mark for paused_since, known in rows)


def _epoch(transaction: Transaction) -> Epoch:
    row = transaction.connection.execute(select(epoch)).one()
    return Epoch(
        row.store,
        row.number,
        row.mark,
        row.paused_since,
        row.reason,
        seen_at=row.seen_at,
        copies_since=row.copies_since or 0.0,
    )


def _advance(transaction: Transaction, seen_at: float | None, copies_since: float) -> Epoch:
    execute = transaction.connection.execute
    execute(update(epoch).where(ROW.paused_since.is_(None)).values(mark=ROW.mark + 1))
    if seen_at is not None:
        execute(update(epoch).values(seen_at=seen_at))
    if copies_since:
        counts = or_(
            ROW.copies_since.is_(None),
            ROW.copies_since < copies_since,
            ROW.copies_since > (seen_at or inf) + APART,
        )
        execute(update(epoch).where(counts).values(copies_since=copies_since))
    return _epoch(transaction)


def _pause(transaction: Transaction, reason: str, now: float) -> Epoch:
    begin = update(epoch).where(ROW.paused_since.is_(None))
    transaction.connection.execute(begin.values(number=ROW.number + 1, paused_since=now, reason=reason))
    return _epoch(transaction)


def _confirm(transaction: Transaction, mark: int) -> Epoch:
    known = transaction.connection.execute(select(ROW.mark).with_for_update()).scalar_one()
    transaction.connection.execute(
        update(epoch).values(mark=max(known, mark) + 1, paused_since=None, reason=None)
    )
    return _epoch(transaction)
