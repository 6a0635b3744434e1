"""What is paused, and the column `paused` of accounts, by which leasing leaves them out.

Scheduling and pausing exclude one another, so that an account that is added to a tenant while that is being
paused is paused, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, true

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.tables import accounts, pauses, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.spec import Kind
from shared.ports.store import EVERYTHING, Pause, covers

ACCOUNT = accounts.c


def exclude_others(transaction: Transaction) -> None:
    """Keep other processes from pausing, resuming and scheduling until the end of the transaction."""
    if transaction.connection.dialect.name == "postgresql":
        transaction.connection.exec_driver_sql("LOCK TABLE pauses IN SHARE ROW EXCLUSIVE MODE")


def known_pauses(transaction: Transaction) -> list[Pause]:
    """Return all that is paused, by scope."""
    rows = transaction.connection.execute(select(pauses.c.scope, pauses.c.since).order_by(pauses.c.scope))
    return [Pause(row.scope, row.since) for row in rows]


def is_paused(account: str, held: Iterable[Pause]) -> bool:
    """Return whether one of the pauses holds the account."""
    return any(pause.holds(account) for pause in held)


def scheduled_accounts(transaction: Transaction, scopes: Sequence[str]) -> Sequence[str]:
    """Return the accounts in these scopes that have a schedule and were not removed, by name."""
    removed = exists().where(
        specs.c.kind == Kind.ACCOUNT.value, specs.c.id == ACCOUNT.id, specs.c.removed_at.is_not(None)
    )
    allow_scans(transaction.connection)
    query = select(ACCOUNT.id).where(or_(*map(_is_in, scopes)), ~removed).order_by(ACCOUNT.id)
    return transaction.connection.execute(query).scalars().all()


def _is_in(scope: str) -> ColumnElement[bool]:
    """Whether an account is in a scope, see `covers`."""
    if scope == EVERYTHING:
        return true()
    is_tenant = scope.endswith("/")
    return func.substr(ACCOUNT.id, 1, len(scope)) == scope if is_tenant else ACCOUNT.id == scope


def pause_scope(transaction: Transaction, scope: str, now: float) -> list[str]:
    """Pause a scope; return the accounts that are paused only since now."""
    connection, bulk = transaction
    exclude_others(transaction)
    bulk.insert_absent(connection, pauses, ("scope", "since"), [(scope, float(now))])
    running = connection.execute(
        select(ACCOUNT.id).where(~ACCOUNT.paused).order_by(ACCOUNT.id).with_for_update()
    )
    stopped = [account for account in running.scalars() if covers(scope, account)]
    bulk.update(connection, accounts, ("id", "paused"), [(account, True) for account in stopped])
    return stopped


def resume_scope(transaction: Transaction, scope: str, now: float) -> list[str]:
    """Take back the pauses of a scope and of all in it; return the accounts that go on.

    An account that is still being visited, as by a process that hangs, is due when its lease ends.
    """
    connection, bulk = transaction
    exclude_others(transaction)
    held = known_pauses(transaction)
    ended = [pause.scope for pause in held if covers(scope, pause.scope)]
    connection.execute(delete(pauses).where(pauses.c.scope.in_(ended)))
    remaining = [pause for pause in held if pause.scope not in ended]
    paused = connection.execute(
        select(ACCOUNT.id, ACCOUNT.lease_until).where(ACCOUNT.paused).order_by(ACCOUNT.id).with_for_update()
    )
    resumed = [
        (row.id, False, float(now), max(float(now), row.lease_until or 0.0))
        for row in paused
        if not is_paused(row.id, remaining)
    ]
    bulk.update(connection, accounts, ("id", "paused", "due_at", "ready_at"), resumed)
    return [account for account, *_ in resumed]
