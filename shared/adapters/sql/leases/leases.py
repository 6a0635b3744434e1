"""Leases are given and extended; what a clock that was ahead has put off is due again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update

from shared.adapters.sql.leases.leasing import take_these
from shared.adapters.sql.tables import READY, accounts
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.commands import Fence
from shared.ports.store import LONGEST_WAIT, Lease

ACCOUNT = accounts.c
LONGEST_INTERVAL = 7200.0
"""Seconds: twice the longest interval between two visits that Mailferry chooses itself, unless the account's
own interval is longer."""
LONGEST_REQUESTED_WAIT = 1.2 * LONGEST_WAIT
"""Seconds: no server that asks not to be visited is left alone for longer."""
CLOCK_SKEW = 300.0
"""Seconds by which the clocks of two machines may differ."""


def lease_these(
    transaction: Transaction,
    owner: str,
    names: Sequence[str],
    now: float,
    until: float,
    *,
    only_enabled: bool = False,
) -> list[Lease]:
    """Lease those of the accounts that nobody holds and that are not paused, due or not."""
    free = or_(
        ACCOUNT.lease_owner.is_(None),
        ACCOUNT.lease_until <= now,
        _too_far_ahead(ACCOUNT.lease_until, now, until),
    )
    these = select(ACCOUNT.id).where(ACCOUNT.id.in_(list(names)), ~ACCOUNT.paused, free)
    if only_enabled:
        these = these.where(ACCOUNT.enabled)
    ordered = these.order_by(ACCOUNT.id).with_for_update(skip_locked=True)
    ids = transaction.connection.execute(ordered).scalars().all()
    return take_these(transaction, ids, owner, until)


def _too_far_ahead(moment: ColumnElement[float], now: float, until: float) -> ColumnElement[bool]:
    """Whether `moment` is further ahead than any schedule, and any lease taken now, which ends at `until`."""
    return and_(moment > until + LONGEST_INTERVAL, moment > now + 2 * ACCOUNT.poll)


def make_put_off_due(transaction: Transaction, now: float, until: float) -> bool:
    """Make due what a clock that was ahead has put off; return False where there is none.

    The server may have asked for a long wait at a visit whose time is plausible by this clock. No lease lasts
    that long.
    """
    visited_at = func.coalesce(ACCOUNT.visited_at, -LONGEST_REQUESTED_WAIT)
    not_requested = or_(
        ACCOUNT.lease_owner.is_not(None),
        visited_at > now + CLOCK_SKEW,
        ACCOUNT.ready_at > visited_at + LONGEST_REQUESTED_WAIT,
    )
    put_off = update(accounts).where(READY, _too_far_ahead(ACCOUNT.ready_at, now, until), not_requested)
    return transaction.connection.execute(put_off.values(due_at=now, ready_at=now)).rowcount > 0


def renew(transaction: Transaction, fences: Sequence[Fence], until: float) -> list[Fence]:
    """Extend these leases; return those that still held.

    Fences are compared here: PostgreSQL takes some thousand pairs in one condition for too deep a statement.
    """
    renewed = set(fences)
    locked = (
        select(ACCOUNT.id, ACCOUNT.fence)
        .where(ACCOUNT.id.in_({each.account for each in renewed}), ACCOUNT.lease_owner.is_not(None))
        .order_by(ACCOUNT.id)
        .with_for_update()
    )
    rows = transaction.connection.execute(locked).all()
    held = [fence for row in rows if (fence := Fence(row.id, row.fence)) in renewed]
    transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.id.in_([each.account for each in held]))
        .values(lease_until=until, ready_at=case((ACCOUNT.due_at > until, ACCOUNT.due_at), else_=until))
    )
    return held
