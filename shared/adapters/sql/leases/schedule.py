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
    """Enter these accounts. Only what differs is written, as many processes start with the same file."""
    connection, bulk = transaction
    exclude_others(transaction)
    held = known_pauses(transaction)
    columns = select(*(ACCOUNT[name] for name in CONFIGURED))
    known = {row.id: row for row in connection.execute(columns.order_by(ACCOUNT.id))}
    named = {each.account: each for each in schedules}
    wanted = [
        (name, float(each.poll), each.enabled, each.host, is_paused(name, held))
        for name, each in sorted(named.items())
    ]
    new = [(*row, float(now), float(now), 0, 0, 0) for row in wanted if row[0] not in known]
    changed = [row for row in wanted if row[0] in known and row != tuple(known[row[0]])]
    bulk.insert_absent(connection, accounts, NEW, new)
    bulk.update(connection, accounts, CONFIGURED, changed)
    some = sorted({each.host for each in schedules if each.host})
    there = set(connection.execute(select(hosts.c.host)).scalars())
    bulk.insert_absent(
        connection, hosts, ("host", "next_at"), [(host, 0.0) for host in some if host not in there]
    )


def make_accounts_due(transaction: Transaction, names: Sequence[str], now: float) -> None:
    """Have these accounts visited as soon as nobody holds them."""
    held = and_(ACCOUNT.lease_owner.is_not(None), ACCOUNT.lease_until > now)
    lock_accounts(transaction, ACCOUNT.id.in_(names))
    transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_(names), ACCOUNT.due_at > now)
        .values(due_at=now, ready_at=case((held, ACCOUNT.lease_until), else_=now))
    )


def lock_accounts(transaction: Transaction, those: ColumnElement[bool]) -> None:
    """Lock accounts in the order that all transactions keep; an update alone locks them as they come."""
    transaction.connection.execute(select(ACCOUNT.id).where(those).order_by(ACCOUNT.id).with_for_update())
