"""The accounts that are to be visited, as configurations name them, and when they are due."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, select, update

from shared.adapters.sql.pauses import exclude_others, is_paused, known_pauses
from shared.adapters.sql.tables import accounts, hosts
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Schedule

ACCOUNT = accounts.c
CONFIGURED = ("id", "poll", "enabled", "host", "paused")
"""What configurations and pauses say about an account."""
NEW = (*CONFIGURED, "due_at", "ready_at", "fence", "failures", "waiting")
"""What a new account has to begin with."""


def sync_accounts(transaction: Transaction, schedules: Sequence[Schedule], now: float) -> None:
    """Enter these accounts; those that are known keep their due time."""
    _write(transaction, schedules, now)


def enter_schedules(transaction: Transaction, schedules: Sequence[Schedule], now: float) -> None:
    """Enter these accounts, and have them visited as soon as nobody holds them."""
    _write(transaction, schedules, now)
    make_accounts_due(transaction, [each.account for each in schedules], now)


def stop_schedules(transaction: Transaction, names: Sequence[str]) -> None:
    """Have these accounts not visited any more; visits under way go on."""
    bulk = transaction.bulk
    lock_accounts(transaction, ACCOUNT.id.in_(names))
    bulk.update(transaction.connection, accounts, ("id", "enabled"), [(each, False) for each in names])


def forget_schedules(transaction: Transaction, names: Sequence[str]) -> None:
    """Delete what is known of these accounts beside their mail."""
    transaction.bulk.delete(transaction.connection, accounts, [(each,) for each in names])


def _write(transaction: Transaction, schedules: Sequence[Schedule], now: float) -> None:
    """Write what differs from what is there."""
    connection, bulk = transaction
    exclude_others(transaction)
    held = known_pauses(transaction)
    named = {each.account: each for each in schedules}
    rows = bulk.select(connection, accounts, ("id",), [(each,) for each in named], fields=CONFIGURED)
    known = {row[0]: (row[0], row[1], bool(row[2]), row[3], bool(row[4])) for row in rows}
    wanted = [
        (name, float(each.poll), each.enabled, each.host, is_paused(name, held))
        for name, each in sorted(named.items())
    ]
    new = [(*row, float(now), float(now), 0, 0, 0) for row in wanted if row[0] not in known]
    changed = [row for row in wanted if row[0] in known and row != known[row[0]]]
    bulk.insert_absent(connection, accounts, NEW, new)
    if changed:
        lock_accounts(transaction, ACCOUNT.id.in_([row[0] for row in changed]))
    bulk.update(connection, accounts, CONFIGURED, changed)
    begun = [row[0] for row in changed if _is_visited(row) and not _is_visited(known[row[0]])]
    make_overdue_accounts_due(transaction, begun, now)
    hosts_named = sorted({each.host for each in schedules if each.host})
    bulk.insert_absent(connection, hosts, ("host", "next_at"), [(host, 0.0) for host in hosts_named])


def _is_visited(configured: tuple[str, float, bool, str, bool]) -> bool:
    """Whether an account with these columns `CONFIGURED` is enabled and not paused."""
    _, _, enabled, _, paused = configured
    return enabled and not paused


def make_overdue_accounts_due(transaction: Transaction, names: Sequence[str], now: float) -> None:
    """Have accounts that are visited again, and have been due for long, due now and not before.

    They are locked. Fetchers look for accounts that became due since their last look.
    """
    if names:
        transaction.connection.execute(
            update(accounts)
            .where(ACCOUNT.id.in_(names), ACCOUNT.due_at < now)
            .values(due_at=now, ready_at=_ready_at(now))
        )


def make_accounts_due(transaction: Transaction, names: Sequence[str], now: float) -> None:
    """Have these accounts visited as soon as nobody holds them."""
    lock_accounts(transaction, ACCOUNT.id.in_(names))
    transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_(names), ACCOUNT.due_at > now)
        .values(due_at=now, ready_at=_ready_at(now))
    )


def _ready_at(now: float) -> ColumnElement[float]:
    """When an account that is due now can be leased."""
    held = and_(ACCOUNT.lease_owner.is_not(None), ACCOUNT.lease_until > now)
    return case((held, ACCOUNT.lease_until), else_=now)


def lock_accounts(transaction: Transaction, those: ColumnElement[bool]) -> None:
    """Lock accounts in the order that all transactions keep; an update alone locks them as they come."""
    transaction.connection.execute(select(ACCOUNT.id).where(those).order_by(ACCOUNT.id).with_for_update())
