"""The accounts that are to be visited, as the configuration names them, and when they are due."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, select, update

from shared.adapters.sql.pauses import exclude_others, is_held, known_pauses
from shared.adapters.sql.tables import accounts, hosts
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Schedule

ACCOUNT = accounts.c


def sync(transaction: Transaction, schedules: Sequence[Schedule], now: float) -> None:
    """Enter these accounts. Only what differs is written: many processes start with the same file."""
    connection, bulk = transaction
    exclude_others(transaction)
    held = known_pauses(transaction)
    columns = (ACCOUNT.id, ACCOUNT.poll, ACCOUNT.enabled, ACCOUNT.host, ACCOUNT.paused)
    known = {row.id: row for row in connection.execute(select(*columns).order_by(ACCOUNT.id))}
    named = {each.account: each for each in schedules}
    wanted = [
        (name, float(each.poll), each.enabled, each.host, is_held(name, held))
        for name, each in sorted(named.items())
    ]
    new = [_new_row(row, float(now)) for row in wanted if row[0] not in known]
    changed = [row for row in wanted if row[0] in known and row != tuple(known[row[0]])]
    bulk.insert_absent(connection, accounts, new)
    bulk.update(connection, accounts, ("id", "poll", "enabled", "host", "paused"), changed)
    some = sorted({each.host for each in schedules if each.host})
    there = set(connection.execute(select(hosts.c.host)).scalars())
    bulk.insert_absent(connection, hosts, [(host, 0.0) for host in some if host not in there])


def make_due(transaction: Transaction, names: Sequence[str], now: float) -> None:
    """Have these accounts visited as soon as nobody holds them."""
    held = and_(ACCOUNT.lease_owner.is_not(None), ACCOUNT.lease_until > now)
    hold(transaction, ACCOUNT.id.in_(names))
    transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_(names), ACCOUNT.due_at > now)
        .values(due_at=now, ready_at=case((held, ACCOUNT.lease_until), else_=now))
    )


def hold(transaction: Transaction, those: ColumnElement[bool]) -> None:
    """Lock accounts in the order in which everybody does; an update alone takes them as they come."""
    transaction.connection.execute(select(ACCOUNT.id).where(those).order_by(ACCOUNT.id).with_for_update())


def _new_row(row: tuple[str, float, bool, str, bool], now: float) -> Sequence[object]:
    name, poll, enabled, host, paused = row
    unvisited = (None, None, 0, 0, None, None, None, 0)
    return (name, poll, enabled, now, now, *unvisited, host, paused, *(None, None, None))
