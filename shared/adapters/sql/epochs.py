"""The epoch: one row whose mark only grows, unless the database is restored from a backup."""

from __future__ import annotations

from math import inf

from sqlalchemy import or_, select, update

from shared.adapters.sql.tables import epoch
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Epoch

ROW = epoch.c
CLOCK_SKEW = 3600.0
"""Seconds by which clocks may differ."""
ONLY_ROW = 1
"""The row's id."""


def allows_deletion(transaction: Transaction, mark: int) -> bool:
    """Return whether mails may be deleted at their sources, for a process that has seen `mark` before."""
    connection, bulk = transaction
    rows = bulk.select(connection, epoch, ["id"], [(ONLY_ROW,)], fields=("paused_since", "mark"))
    return any(paused_since is None and known >= mark for paused_since, known in rows)


def current_epoch(transaction: Transaction) -> Epoch:
    """Return the epoch in force."""
    row = transaction.connection.execute(select(epoch)).one()
    return Epoch(
        store=row.store,
        number=row.number,
        mark=row.mark,
        paused_since=row.paused_since,
        reason=row.reason,
        seen_at=row.seen_at,
        copies_since=row.copies_since or 0.0,
    )


def advance_mark(transaction: Transaction, seen_at: float | None, copies_since: float) -> Epoch:
    """Count the mark up, unless deletion is paused; remember what is known of clocks."""
    execute = transaction.connection.execute
    execute(update(epoch).where(ROW.paused_since.is_(None)).values(mark=ROW.mark + 1))
    if seen_at is not None:
        execute(update(epoch).values(seen_at=seen_at))
    if copies_since:
        counts = or_(
            ROW.copies_since.is_(None),
            ROW.copies_since < copies_since,
            ROW.copies_since > (seen_at or inf) + CLOCK_SKEW,
        )
        execute(update(epoch).where(counts).values(copies_since=copies_since))
    return current_epoch(transaction)


def pause_deletion(transaction: Transaction, reason: str, now: float) -> Epoch:
    """Begin a new epoch, unless deletion is paused already."""
    begin = update(epoch).where(ROW.paused_since.is_(None))
    transaction.connection.execute(begin.values(number=ROW.number + 1, paused_since=now, reason=safe(reason)))
    return current_epoch(transaction)


def confirm_epoch(transaction: Transaction, mark: int) -> Epoch:
    """Allow deletion again; the mark goes on beyond `mark`."""
    known = transaction.connection.execute(select(ROW.mark).with_for_update()).scalar_one()
    transaction.connection.execute(
        update(epoch).values(mark=max(known, mark) + 1, paused_since=None, reason=None)
    )
    return current_epoch(transaction)
