"""What is on hold, and its mark on the accounts, by which leasing passes them over.

Scheduling and pausing wait for one another, so that an account that appears in a tenant just being paused is
paused, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import accounts, pauses
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Pause
from shared.ports.store.pauses import covers

ACCOUNT = accounts.c


class SqlPauses(Repository):
    """The port's `Pauses`."""

    async def pause(self, scope: str, now: float) -> Sequence[str]:
        """Put a scope on hold; returns the accounts that are held only since now."""
        return await self._transactions.write(_pause, scope, now)

    async def resume(self, scope: str, now: float) -> Sequence[str]:
        """Take back the pauses of a scope and of all in it; returns the accounts that go on."""
        return await self._transactions.write(_resume, scope, now)

    async def pauses(self) -> Sequence[Pause]:
        """All that is on hold, by scope."""
        return await self._transactions.read(known_pauses)

    async def paused_among(self, accounts: Sequence[str]) -> Sequence[str]:
        """Those of `accounts` that are on hold."""
        query = select(ACCOUNT.id).where(ACCOUNT.id.in_(list(accounts)), ACCOUNT.paused)
        return await self._transactions.read(
            lambda transaction: transaction.connection.execute(query).scalars().all()
        )


def exclude_others(transaction: Transaction) -> None:
    """Let nobody else pause, resume or schedule until the end of the transaction."""
    if transaction.connection.dialect.name == "postgresql":
        transaction.connection.exec_driver_sql("LOCK TABLE pauses IN SHARE ROW EXCLUSIVE MODE")


def known_pauses(transaction: Transaction) -> list[Pause]:
    """All that is on hold, by scope."""
    rows = transaction.connection.execute(select(pauses).order_by(pauses.c.scope))
    return [Pause(row.scope, row.since) for row in rows]


def is_held(account: str, held: Iterable[Pause]) -> bool:
    """Whether one of the pauses holds the account."""
    return any(pause.holds(account) for pause in held)


def _pause(transaction: Transaction, scope: str, now: float) -> list[str]:
    connection, bulk = transaction
    exclude_others(transaction)
    bulk.insert_absent(connection, pauses, [(scope, float(now))])
    running = connection.execute(
        select(ACCOUNT.id).where(~ACCOUNT.paused).order_by(ACCOUNT.id).with_for_update()
    )
    stopped = [account for account in running.scalars() if covers(scope, account)]
    bulk.update(connection, accounts, ("id", "paused"), [(account, True) for account in stopped])
    return stopped


def _resume(transaction: Transaction, scope: str, now: float) -> list[str]:
    """An account that is still being visited, as by a process that hangs, is due when its lease runs out."""
    connection, bulk = transaction
    exclude_others(transaction)
    held = known_pauses(transaction)
    ended = [pause.scope for pause in held if covers(scope, pause.scope)]
    connection.execute(delete(pauses).where(pauses.c.scope.in_(ended)))
    remaining = [pause for pause in held if pause.scope not in ended]
    paused = connection.execute(
        select(ACCOUNT.id, ACCOUNT.lease_until).where(ACCOUNT.paused).order_by(ACCOUNT.id).with_for_update()
    )
    going_on = [
        (row.id, False, float(now), max(float(now), row.lease_until or 0.0))
        for row in paused
        if not is_held(row.id, remaining)
    ]
    bulk.update(connection, accounts, ("id", "paused", "due_at", "ready_at"), going_on)
    return [row[0] for row in going_on]
