"""The mails that were there before their account began. Nothing is recorded of them but their place."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select, update

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.ledger.fences import lost_leases
from shared.adapters.sql.tables import accounts, messages, skipped
from shared.adapters.sql.text import key, safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.commands import Fence
from shared.model.begin import ALL, NOW
from shared.model.message import LedgerKey
from shared.ports.store import SkippedMail, TracedSkip

SKIPPED = skipped.c
ACCOUNT = accounts.c
PLACE = ("account", "folder", "uidvalidity", "uid")
ROW = (*PLACE, "listed_size", "at", "decided")
UNKNOWN_SIZE = 0
UNVISITED = (
    *("id", "due_at", "ready_at"),
    *("poll", "enabled", "host", "paused", "fence", "failures", "waiting"),
)
UNVISITED_VALUES = (60.0, False, "", False, 0, 0, 0)
"""Of an account that no configuration has named yet. The first that does sets poll, enabled and host."""


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


def import_known_mails(
    transaction: Transaction, account: str, mails: Sequence[LedgerKey], now: float
) -> bool:
    """Enter mails that another program has delivered; return False where the account has begun.

    Raises `SchemaOutdated` on the schema of the release before.
    """
    connection, bulk = transaction
    bulk.insert_absent(
        connection, accounts, tuple(UNVISITED), [(account, float(now), float(now), *UNVISITED_VALUES)]
    )
    row = connection.execute(
        select(ACCOUNT.succeeded_at, ACCOUNT.began, ACCOUNT.lease_owner, ACCOUNT.lease_until)
        .where(ACCOUNT.id == account)
        .with_for_update()
    ).one()
    is_leased = row.lease_owner is not None and (row.lease_until or 0.0) > now
    has_mail = connection.execute(select(messages.c.id).where(messages.c.account == account).limit(1)).first()
    if row.succeeded_at is not None or row.began == str(ALL) or is_leased or has_mail is not None:
        return False
    rows = [(*_place(account, each), UNKNOWN_SIZE, float(now), True) for each in mails]
    bulk.put(connection, skipped, ROW, rows)
    connection.execute(update(accounts).where(ACCOUNT.id == account).values(began=str(NOW)))
    return True


def skipped_mails(transaction: Transaction, account: str) -> list[SkippedMail]:
    """Return the mails of an account that were there before it began."""
    query = select(*(SKIPPED[name] for name in ROW[1:])).where(SKIPPED.account == account)
    return [
        SkippedMail(LedgerKey(folder, uidvalidity, uid), size, at, decided)
        for folder, uidvalidity, uid, size, at, decided in transaction.connection.execute(query)
    ]


def skipped_counts(transaction: Transaction) -> dict[str, int]:
    """Return how many mails are skipped, by account."""
    allow_scans(transaction.connection)
    query = (
        select(SKIPPED.account, func.count().label("skipped"))
        .where(SKIPPED.decided)
        .group_by(SKIPPED.account)
    )
    return {row.account: row.skipped for row in transaction.connection.execute(query)}


def find_skipped(transaction: Transaction, uids: Sequence[str], limit: int) -> list[TracedSkip]:
    """Return the mails with one of these UIDs that were there before their account began."""
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
