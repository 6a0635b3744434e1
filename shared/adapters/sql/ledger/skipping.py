"""The mails that were there before their account began. Nothing is recorded of them but their place."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select, update

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.ledger.fences import lost_leases
from shared.adapters.sql.new_columns import new_account_columns
from shared.adapters.sql.tables import accounts, skipped
from shared.adapters.sql.text import key, safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.commands import Fence
from shared.model.message import LedgerKey
from shared.ports.store import SkippedMail, TracedSkip

SKIPPED = skipped.c
PLACE = ("account", "folder", "uidvalidity", "uid")
ROW = (*PLACE, "listed_size", "at", "decided")


def record_skipped(
    transaction: Transaction,
    fence: Fence,
    mails: Sequence[SkippedMail],
    forget: Collection[LedgerKey],
    began: str | None,
) -> None:
    """Enter mails, or change them, and forget others. Raises `LeaseLost`."""
    for lost in lost_leases(transaction, [fence]).values():
        raise lost
    connection, bulk = transaction
    bulk.delete(connection, skipped, [_place(fence.account, each) for each in forget])
    rows = [(*_place(fence.account, each.key), each.listed_size, each.at, each.decided) for each in mails]
    bulk.put(connection, skipped, ROW, rows)
    if began is not None:
        connection.execute(update(accounts).where(accounts.c.id == fence.account).values(began=began))


def skipped_mails(transaction: Transaction, account: str) -> list[SkippedMail]:
    """Return the mails of an account that were there before it began."""
    query = select(*(SKIPPED[name] for name in ROW[1:])).where(SKIPPED.account == account)
    return [
        SkippedMail(LedgerKey(folder, uidvalidity, uid), size, at, decided)
        for folder, uidvalidity, uid, size, at, decided in transaction.connection.execute(query)
    ]


def skipped_counts(transaction: Transaction) -> dict[str, int]:
    """Return how many mails are skipped, by account; none on the schema of the release before."""
    if "began" not in new_account_columns(transaction.connection):
        return {}
    allow_scans(transaction.connection)
    query = (
        select(SKIPPED.account, func.count().label("skipped"))
        .where(SKIPPED.decided)
        .group_by(SKIPPED.account)
    )
    return {row.account: row.skipped for row in transaction.connection.execute(query)}


def find_skipped(transaction: Transaction, uids: Sequence[str], limit: int) -> list[TracedSkip]:
    """Return the mails with one of these UIDs that were there before their account began."""
    if "began" not in new_account_columns(transaction.connection):
        return []
    query = (
        select(SKIPPED.account, *(SKIPPED[name] for name in ROW[1:]), accounts.c.began)
        .join(accounts, accounts.c.id == SKIPPED.account)
        .where(SKIPPED.uid.in_([key(each) for each in uids]))
        .order_by(SKIPPED.account, SKIPPED.folder, SKIPPED.uidvalidity, SKIPPED.uid)
        .limit(limit)
    )
    return [
        TracedSkip(
            row.account,
            SkippedMail(
                LedgerKey(row.folder, row.uidvalidity, row.uid), row.listed_size, row.at, row.decided
            ),
            row.began or "",
        )
        for row in transaction.connection.execute(query)
    ]


def _place(account: str, place: LedgerKey) -> tuple[str, str, int, str]:
    return account, safe(place.folder), place.uidvalidity, key(place.uid)
