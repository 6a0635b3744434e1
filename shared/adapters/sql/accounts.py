"""The accounts' schedule, and the leases by which one process at a time visits an account.

`ready_at` is when an account can be leased: the later of when it is due and when its lease runs out. It
is kept beside both, so that finding the next accounts is one look into an index however many accounts
there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain

from sqlalchemy import ColumnElement, and_, case, func, or_, select, tuple_, update

from shared.adapters.sql.conditions import READY
from shared.adapters.sql.leasing import Wish, lease_ready, next_ready, take
from shared.adapters.sql.part import Part, Transactions
from shared.adapters.sql.pauses import exclude_others, is_held, known_pauses
from shared.adapters.sql.setbacks import decode_setbacks, encode_setbacks
from shared.adapters.sql.tables import accounts, hosts
from shared.adapters.sql.text import safe
from shared.adapters.sql.work import Transaction
from shared.custody.commands import Fence
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.ports.store import AccountState, Lease, Release, Schedule

ACCOUNT = accounts.c
FARTHEST = 7200.0
"""Seconds: twice as long as the longest distance between two visits where an account's own interval is not
longer still."""
RELEASED = (
    "id",
    "lease_owner",
    "lease_until",
    "due_at",
    "ready_at",
    "failures",
    "problem",
    "visited_at",
    "succeeded_at",
    "waiting",
    "method",
    "setbacks",
)


class SqlLeases(Part):
    """The port's `Leases`."""

    def __init__(self, transactions: Transactions) -> None:
        super().__init__(transactions)
        self._releasing = self._gathering(self._release, len)

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Enter these accounts: new ones are due at once; those not named are left to others."""
        await self._transactions.write(_sync, schedules, now)

    async def lease_due(
        self, owner: str, now: float, until: float, limit: int, hosts: HostLimits = NO_LIMITS
    ) -> Sequence[Lease]:
        """Lease up to `limit` accounts that are due and not leased, the most overdue first, and never more
        of a host than `hosts` allows.

        An account whose lease ran out counts as overdue since then. One that cannot be leased for longer than
        anybody would have it wait was put off by a clock that was ahead; it is due as well.
        """
        return await self._transactions.write(_lease_due, Wish(owner, now, until, limit, hosts))

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds and that are not paused, due or not."""
        return await self._transactions.write(_lease_these, owner, list(accounts), now, until)

    async def renew(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; returns those that still held."""
        return await self._transactions.write(_renew, fences, until)

    async def hand_back(self, fences: Mapping[Fence, float], due_at: float) -> None:
        """End these leases without a visit; what was not visited since the time given is disabled."""
        await self._transactions.write(_hand_back, dict(fences), due_at)

    async def make_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them."""
        if accounts:
            await self._transactions.write(_make_due_now, list(accounts), now)

    async def release(self, releases: Sequence[Release]) -> None:
        """End visits and their leases. A lease that passed on is left alone.

        Whoever gives up waiting does not keep the lease.
        """
        if releases:
            await asyncio.shield(self._releasing.ask(releases))

    async def end_leases(self) -> int:
        """End all leases: their holders are known to be no more. Returns how many."""
        return await self._transactions.write(_end_leases)

    async def next_due(self, now: float = 0.0, hosts: HostLimits = NO_LIMITS) -> float | None:
        """When the next account can be leased at a host that bears a visit then; None where there is none."""
        return await self._transactions.read(lambda transaction: next_ready(transaction, now, hosts))

    async def account_states(self) -> Sequence[AccountState]:
        """All known accounts, by name."""
        return await self._transactions.read(_states)

    async def _release(self, asked: Sequence[Sequence[Release]]) -> Sequence[None]:
        await self._transactions.write(_release, [*chain.from_iterable(asked)])
        return [None] * len(asked)


def _lease_due(transaction: Transaction, wish: Wish) -> list[Lease]:
    leases = lease_ready(transaction, wish)
    if len(leases) < wish.limit and _make_due(transaction, wish.now, wish.until):
        leases += lease_ready(transaction, wish._replace(limit=wish.limit - len(leases)))
    return leases


def _lease_these(
    transaction: Transaction, owner: str, accounts: Sequence[str], now: float, until: float
) -> list[Lease]:
    free = or_(
        ACCOUNT.lease_owner.is_(None),
        ACCOUNT.lease_until <= now,
        _unbelievably_far(ACCOUNT.lease_until, now, until),
    )
    these = select(ACCOUNT.id).where(ACCOUNT.id.in_(accounts), ~ACCOUNT.paused, free)
    ordered = these.order_by(ACCOUNT.id).with_for_update(skip_locked=True)
    return take(transaction, ordered, owner, until)


def _unbelievably_far(moment: ColumnElement[float], now: float, until: float) -> ColumnElement[bool]:
    """Whether neither a lease, which one taken now has `until`, nor a schedule reaches as far as `moment`."""
    return and_(moment > until + FARTHEST, moment > now + 2 * ACCOUNT.poll)


def _make_due(transaction: Transaction, now: float, until: float) -> bool:
    """Make due what a clock that was ahead has put off; False where there is none."""
    put_off = update(accounts).where(READY, _unbelievably_far(ACCOUNT.ready_at, now, until))
    return transaction.connection.execute(put_off.values(due_at=now, ready_at=now)).rowcount > 0


def _hand_back(transaction: Transaction, fences: Mapping[Fence, float], due_at: float) -> None:
    for fence, since in sorted(fences.items()):
        served = func.coalesce(ACCOUNT.visited_at, 0.0) >= since
        transaction.connection.execute(
            update(accounts)
            .where(ACCOUNT.id == fence.account, ACCOUNT.fence == fence.number)
            .values(
                lease_owner=None,
                lease_until=None,
                due_at=due_at,
                ready_at=due_at,
                enabled=and_(ACCOUNT.enabled, served),
            )
        )


def _make_due_now(transaction: Transaction, names: Sequence[str], now: float) -> None:
    held = and_(ACCOUNT.lease_owner.is_not(None), ACCOUNT.lease_until > now)
    _hold(transaction, ACCOUNT.id.in_(names))
    transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_(names), ACCOUNT.due_at > now)
        .values(due_at=now, ready_at=case((held, ACCOUNT.lease_until), else_=now))
    )


def _sync(transaction: Transaction, schedules: Sequence[Schedule], now: float) -> None:
    """Only what differs is written: many processes start with the same configuration."""
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


def _new_row(row: tuple[str, float, bool, str, bool], now: float) -> Sequence[object]:
    name, poll, enabled, host, paused = row
    return (name, poll, enabled, now, now, *(None, None, 0, 0, None, None, None, 0), host, paused, None, None)


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


def _release(transaction: Transaction, releases: Sequence[Release]) -> None:
    connection, bulk = transaction
    ended = {(each.fence.account, each.fence.number): each for each in releases}
    held = (
        select(ACCOUNT.id, ACCOUNT.fence, ACCOUNT.failures, ACCOUNT.succeeded_at)
        .where(tuple_(ACCOUNT.id, ACCOUNT.fence).in_(list(ended)), ACCOUNT.lease_owner.is_not(None))
        .order_by(ACCOUNT.id)
        .with_for_update()
    )
    rows = [
        _released_row(ended[row.id, row.fence], row.failures, row.succeeded_at)
        for row in connection.execute(held)
    ]
    bulk.update(connection, accounts, RELEASED, rows)


def _released_row(release: Release, failures: int, succeeded_at: float | None) -> Sequence[object]:
    """The values of `RELEASED` after a visit; what was known before it may go on."""
    report, now, due_at = release.report, float(release.now), float(release.due_at)
    return (
        release.fence.account,
        *(None, None, due_at, due_at),
        failures + 1 if report.failed else 0,
        None if report.problem is None else safe(report.problem),
        now,
        succeeded_at if report.failed else now,
        report.waiting,
        report.method,
        encode_setbacks(report.setbacks),
    )


def _hold(transaction: Transaction, those: ColumnElement[bool]) -> None:
    """Lock accounts in the order in which everybody does; an update alone takes them as they come."""
    transaction.connection.execute(select(ACCOUNT.id).where(those).order_by(ACCOUNT.id).with_for_update())


def _end_leases(transaction: Transaction) -> int:
    _hold(transaction, ACCOUNT.lease_owner.is_not(None))
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
            paused=row.paused,
            method=row.method,
            host=row.host,
            setbacks=decode_setbacks(row.setbacks),
        )
        for row in transaction.connection.execute(select(accounts).order_by(ACCOUNT.id))
    ]
