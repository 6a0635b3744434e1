"""The accounts' schedule, and the leases by which one process at a time visits an account.

`ready_at` is when an account can be leased: the later of when it is due and when its lease runs out. It
is kept beside both, so that finding the next accounts is one look into an index however many accounts
there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_, update

from shared.adapters.sql.part import Part
from shared.adapters.sql.tables import accounts
from shared.adapters.sql.text import safe
from shared.adapters.sql.work import Transaction
from shared.custody.commands import Fence
from shared.ports.store import AccountState, Lease, Schedule, VisitReport

ACCOUNT = accounts.c
FARTHEST = 7200.0
"""Seconds: twice as long as the longest distance between two visits where an account's own interval is not
longer still."""


class SqlLeases(Part):
    """The port's `Leases`."""

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Make these the known accounts: new ones are due at once, those not named are disabled."""
        await self._transactions.write(lambda transaction: _sync(transaction, schedules, now))

    async def lease_due(self, owner: str, now: float, until: float, limit: int) -> Sequence[Lease]:
        """Lease up to `limit` enabled accounts that are due and not leased, the most overdue first.

        An account whose lease ran out counts as overdue since then. One that cannot be leased for longer than
        anybody would have it wait was put off by a clock that was ahead; it is due as well.
        """
        ready = select(ACCOUNT.id).where(ACCOUNT.enabled, ACCOUNT.ready_at <= now).order_by(ACCOUNT.ready_at)

        def lease(transaction: Transaction) -> list[Lease]:
            leases = _lease(transaction, ready.limit(limit), owner, until)
            if len(leases) < limit and _make_due(transaction, now, until):
                leases += _lease(transaction, ready.limit(limit - len(leases)), owner, until)
            return leases

        return await self._transactions.write(lease)

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds, due or not."""
        free = or_(
            ACCOUNT.lease_owner.is_(None),
            ACCOUNT.lease_until <= now,
            _unbelievably_far(ACCOUNT.lease_until, now, until),
        )
        these = select(ACCOUNT.id).where(ACCOUNT.id.in_(list(accounts)), free).order_by(ACCOUNT.id)
        return await self._transactions.write(lambda transaction: _lease(transaction, these, owner, until))

    async def renew(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; returns those that still held."""
        return await self._transactions.write(lambda transaction: _renew(transaction, fences, until))

    async def release(self, fence: Fence, report: VisitReport, now: float, due_at: float) -> None:
        """End a visit and its lease; the account is due again at `due_at`. A lease that passed on is left
        alone.
        """
        await self._transactions.write(lambda transaction: _release(transaction, fence, report, now, due_at))

    async def end_leases(self) -> int:
        """End all leases: their holders are known to be no more. Returns how many."""
        return await self._transactions.write(_end_leases)

    async def next_due(self) -> float | None:
        """When the next enabled account can be leased; None where there is none."""
        query = select(func.min(ACCOUNT.ready_at)).where(ACCOUNT.enabled)
        return await self._transactions.read(
            lambda transaction: transaction.connection.execute(query).scalar()
        )

    async def account_states(self) -> Sequence[AccountState]:
        """All known accounts, by name."""
        return await self._transactions.read(_states)


def _unbelievably_far(moment: ColumnElement[float], now: float, until: float) -> ColumnElement[bool]:
    """Whether neither a lease, which one taken now has `until`, nor a schedule reaches as far as `moment`."""
    return and_(moment > until + FARTHEST, moment > now + 2 * ACCOUNT.poll)


def _make_due(transaction: Transaction, now: float, until: float) -> bool:
    """Make due what a clock that was ahead has put off; False where there is none."""
    put_off = update(accounts).where(ACCOUNT.enabled, _unbelievably_far(ACCOUNT.ready_at, now, until))
    return transaction.connection.execute(put_off.values(due_at=now, ready_at=now)).rowcount > 0


def _sync(transaction: Transaction, schedules: Sequence[Schedule], now: float) -> None:
    """Only what differs is written: many processes start with the same configuration."""
    connection, bulk = transaction
    known = {row.id: row for row in connection.execute(select(ACCOUNT.id, ACCOUNT.poll, ACCOUNT.enabled))}
    named = {each.account: each for each in schedules}
    new = [_new_row(named[name], now) for name in sorted(named.keys() - known.keys())]
    changed = [
        (name, float(named[name].poll), named[name].enabled)
        for name in sorted(named.keys() & known.keys())
        if (named[name].poll, named[name].enabled) != (known[name].poll, known[name].enabled)
    ]
    changed += [
        (name, known[name].poll, False) for name in sorted(known.keys() - named.keys()) if known[name].enabled
    ]
    bulk.insert_absent(connection, accounts, new)
    bulk.update(connection, accounts, ("id", "poll", "enabled"), changed)


def _new_row(schedule: Schedule, now: float) -> Sequence[object]:
    due_at = float(now)
    return (
        schedule.account,
        float(schedule.poll),
        schedule.enabled,
        due_at,
        due_at,
        *(None, None, 0, 0, None, None, None, 0),
    )


def _lease(transaction: Transaction, candidates: Select[Any], owner: str, until: float) -> list[Lease]:
    """Take the candidates that no other process is just taking, in their order."""
    connection = transaction.connection
    ids = connection.execute(candidates.with_for_update(skip_locked=True)).scalars().all()
    if not ids:
        return []
    connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_(ids))
        .values(
            lease_owner=owner,
            lease_until=until,
            ready_at=case((ACCOUNT.due_at > until, ACCOUNT.due_at), else_=until),
            fence=ACCOUNT.fence + 1,
        )
    )
    rows = connection.execute(select(ACCOUNT.id, ACCOUNT.fence, ACCOUNT.failures).where(ACCOUNT.id.in_(ids)))
    leased = {row.id: Lease(Fence(row.id, row.fence), until, row.failures) for row in rows}
    return [leased[each] for each in ids]


def _renew(transaction: Transaction, fences: Sequence[Fence], until: float) -> list[Fence]:
    held = (
        select(ACCOUNT.id, ACCOUNT.fence)
        .where(
            tuple_(ACCOUNT.id, ACCOUNT.fence).in_([tuple(each) for each in fences]),
            ACCOUNT.lease_owner.is_not(None),
        )
        .order_by(ACCOUNT.id)
        .with_for_update()
    )
    rows = transaction.connection.execute(held).all()
    transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_([row.id for row in rows]))
        .values(lease_until=until, ready_at=case((ACCOUNT.due_at > until, ACCOUNT.due_at), else_=until))
    )
    return [Fence(row.id, row.fence) for row in rows]


def _release(transaction: Transaction, fence: Fence, report: VisitReport, now: float, due_at: float) -> None:
    transaction.connection.execute(
        update(accounts)
        .where(
            and_(ACCOUNT.id == fence.account, ACCOUNT.fence == fence.number, ACCOUNT.lease_owner.is_not(None))
        )
        .values(
            lease_owner=None,
            lease_until=None,
            due_at=due_at,
            ready_at=due_at,
            failures=ACCOUNT.failures + 1 if report.failed else 0,
            problem=None if report.problem is None else safe(report.problem),
            visited_at=now,
            succeeded_at=ACCOUNT.succeeded_at if report.failed else now,
            waiting=report.waiting,
        )
    )


def _end_leases(transaction: Transaction) -> int:
    return transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.lease_owner.is_not(None))
        .values(lease_owner=None, lease_until=None, ready_at=ACCOUNT.due_at)
    ).rowcount


def _states(transaction: Transaction) -> list[AccountState]:
    return [
        AccountState(
            account=row.id,
            enabled=row.enabled,
            due_at=row.due_at,
            leased_by=row.lease_owner,
            lease_until=row.lease_until,
            failures=row.failures,
            problem=row.problem,
            visited_at=row.visited_at,
            succeeded_at=row.succeeded_at,
            waiting=row.waiting,
        )
        for row in transaction.connection.execute(select(accounts).order_by(ACCOUNT.id))
    ]
