"""Who visits which account: the port's `Leases`, and how due accounts are leased."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from sqlalchemy import ColumnElement, and_, case, func, or_, select, tuple_, update

from shared.adapters.sql.conditions import READY
from shared.adapters.sql.leases.ending import end_leases, hand_back, release
from shared.adapters.sql.leases.leasing import Wish, lease_ready, next_ready, take
from shared.adapters.sql.leases.read_failures import decode_read_failures
from shared.adapters.sql.leases.schedule import make_due, sync
from shared.adapters.sql.repository import Repository, Transactions
from shared.adapters.sql.tables import accounts
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.commands import Fence
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.tenant_room import TenantRoom, tenant_of
from shared.ports.store import LONGEST_WAIT, AccountState, Lease, Release, Schedule

ACCOUNT = accounts.c
FARTHEST = 7200.0
"""Seconds: twice as long as the longest distance between two visits that we choose ourselves, where an
account's own interval is not longer still."""
HONEST = 1.2 * LONGEST_WAIT
"""Seconds: nobody who asks for it is left alone longer."""
SKEW = 300.0
"""Seconds by which the clocks of two machines may differ."""


class SqlLeases(Repository):
    """The port's `Leases`."""

    def __init__(self, transactions: Transactions) -> None:
        super().__init__(transactions)
        self._releasing = self._gathering(self._release, len)

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Enter these accounts: new ones are due at once; those not named are left to others."""
        await self._transactions.write(sync, schedules, now)

    async def lease_due(
        self,
        owner: str,
        now: float,
        until: float,
        limit: int,
        hosts: HostLimits = NO_LIMITS,
        tenants: TenantRoom | None = None,
    ) -> Sequence[Lease]:
        """Lease up to `limit` accounts that are due and not leased, the most overdue first, and never more
        of a host than `hosts` allows, nor of a tenant than `tenants` does.

        An account whose lease ran out counts as overdue since then. One that cannot be leased for longer than
        anybody would have it wait was put off by a clock that was ahead; it is due as well.
        """
        return await self._transactions.write(_lease_due, Wish(owner, now, until, limit, hosts, tenants))

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
        await self._transactions.write(hand_back, dict(fences), due_at)

    async def make_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them."""
        if accounts:
            await self._transactions.write(make_due, list(accounts), now)

    async def release(self, releases: Sequence[Release]) -> None:
        """End visits and their leases. A lease that passed on is left alone.

        Whoever gives up waiting does not keep the lease.
        """
        if releases:
            await asyncio.shield(self._releasing.ask(releases))

    async def end_leases(self) -> int:
        """End all leases: their holders are known to be no more. Returns how many."""
        return await self._transactions.write(end_leases)

    async def next_due(self, now: float = 0.0, hosts: HostLimits = NO_LIMITS) -> float | None:
        """When the next account can be leased at a host that bears a visit then; None where there is none."""
        return await self._transactions.read(lambda transaction: next_ready(transaction, now, hosts))

    async def account_states(self) -> Sequence[AccountState]:
        """All known accounts, by name."""
        return await self._transactions.read(_states)

    async def _release(self, asked: Sequence[Sequence[Release]]) -> Sequence[None]:
        await self._transactions.write(release, [*chain.from_iterable(asked)])
        return [None] * len(asked)


def _lease_due(transaction: Transaction, wish: Wish) -> list[Lease]:
    leases = lease_ready(transaction, wish)
    if len(leases) < wish.limit and _make_due(transaction, wish.now, wish.until):
        remaining = wish._replace(limit=wish.limit - len(leases), tenants=_less(wish.tenants, leases))
        leases += lease_ready(transaction, remaining)
    return leases


def _less(room: TenantRoom | None, leases: Sequence[Lease]) -> TenantRoom | None:
    """What is left of the tenants' room behind these leases."""
    if room is None:
        return None
    taken = Counter(tenant_of(lease.fence.account) for lease in leases)
    left = {tenant: room.of(tenant) - taken[tenant] for tenant in {*room.left, *taken}}
    return TenantRoom(room.default, left)


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
    """Make due what a clock that was ahead has put off; False where there is none.

    A visit that this clock believes may have been asked for a long wait; no lease lasts for long.
    """
    visited_at = func.coalesce(ACCOUNT.visited_at, -HONEST)
    unasked = or_(
        ACCOUNT.lease_owner.is_not(None), visited_at > now + SKEW, ACCOUNT.ready_at > visited_at + HONEST
    )
    put_off = update(accounts).where(READY, _unbelievably_far(ACCOUNT.ready_at, now, until), unasked)
    return transaction.connection.execute(put_off.values(due_at=now, ready_at=now)).rowcount > 0


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
            setbacks=decode_read_failures(row.setbacks),
        )
        for row in transaction.connection.execute(select(accounts).order_by(ACCOUNT.id))
    ]
