"""Leases of grants: one process at a time works on a grant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select, update

from shared.adapters.sql.oauth_grants import ENDED
from shared.adapters.sql.tables import oauth_apps, oauth_grants
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState
from shared.ports.store import LeaseLost
from shared.ports.store.oauth import GrantLease

GRANT, APP = oauth_grants.c, oauth_apps.c
WRONG_CLOCK = 60.0
"""Seconds that a lease may end later than a new one would, before the clock that made it counts as wrong."""


def lease_due(
    transaction: Transaction, holder: str, now: float, until: float, limit: int
) -> list[GrantLease]:
    """Lease what is due, one grant only of an app that was refused."""
    connection = transaction.connection
    refused = {
        row.name: row.retry_at
        for row in connection.execute(select(APP.name, APP.retry_at).where(APP.problem.is_not(None)))
    }
    query = select(GRANT.id, GRANT.app).where(
        GRANT.due_at <= now, GRANT.state != GrantState.REVOKING.value, is_free(now, until)
    )
    if waiting := [name for name, retry_at in refused.items() if (retry_at or 0.0) > now]:
        query = query.where(GRANT.app.not_in(waiting))
    query = query.order_by(GRANT.due_at).limit(limit).with_for_update(skip_locked=True)
    chosen, probed = [], set()
    for row in connection.execute(query).all():
        if row.app in refused:
            if row.app in probed:
                continue
            probed.add(row.app)
        chosen.append(row.id)
    if probed:
        connection.execute(update(oauth_apps).where(APP.name.in_(sorted(probed))).values(retry_at=until))
    return leased(transaction, chosen, holder, until)


def lease_grant(
    transaction: Transaction, grant_id: str, holder: str, now: float, until: float
) -> GrantLease | None:
    """Lease one grant, due or not."""
    query = select(GRANT.id).where(GRANT.id == grant_id, GRANT.state.not_in(ENDED), is_free(now, until))
    found = transaction.connection.execute(query.with_for_update(skip_locked=True)).scalar()
    leases = leased(transaction, [found], holder, until) if found else []
    return leases[0] if leases else None


def return_lease(transaction: Transaction, lease: GrantLease) -> None:
    """End a lease, unless it is lost."""
    held = update(oauth_grants).where(GRANT.id == lease.id, GRANT.fence == lease.fence)
    transaction.connection.execute(held.values(lease_owner=None, lease_until=None))


def next_due(transaction: Transaction) -> float | None:
    """Return the earliest time at which a grant is due, of apps that may be asked at that time."""
    waits = func.coalesce(APP.retry_at, 0.0)
    lease = func.coalesce(GRANT.lease_until, 0.0)
    query = (
        select(GRANT.due_at, waits.label("waits"), lease.label("lease"))
        .outerjoin(oauth_apps, APP.name == GRANT.app)
        .where(GRANT.due_at.is_not(None))
        .order_by(GRANT.due_at)
        .limit(200)
    )
    moments = [max(row.due_at, row.waits, row.lease) for row in transaction.connection.execute(query)]
    return min(moments, default=None)


def is_free(now: float, until: float) -> Any:
    """Return the condition that nobody holds the lease, or that it is over or was made by a wrong clock."""
    lease = GRANT.lease_until
    return or_(lease.is_(None), lease <= now, lease > until + WRONG_CLOCK)


def leased(transaction: Transaction, ids: Sequence[str], holder: str, until: float) -> list[GrantLease]:
    """Lease grants that are locked; return the leases in their order."""
    if not ids:
        return []
    connection = transaction.connection
    connection.execute(
        update(oauth_grants)
        .where(GRANT.id.in_(ids))
        .values(lease_owner=holder, lease_until=until, fence=GRANT.fence + 1)
    )
    rows = connection.execute(select(GRANT.id, GRANT.fence).where(GRANT.id.in_(ids)))
    fences = {row.id: row.fence for row in rows}
    return [GrantLease(each, fences[each]) for each in ids]


def end_lease(transaction: Transaction, lease: GrantLease, **values: Any) -> str:
    """Write what came of a lease and end it; return the app. Raises `LeaseLost`."""
    connection = transaction.connection
    held = GRANT.id == lease.id, GRANT.fence == lease.fence, GRANT.lease_owner.is_not(None)
    app = connection.execute(select(GRANT.app).where(*held).with_for_update()).scalar()
    if app is None:
        raise lost_lease(lease)
    connection.execute(update(oauth_grants).where(*held).values(lease_owner=None, lease_until=None, **values))
    return str(app)


def lost_lease(lease: GrantLease) -> LeaseLost:
    """Return the error that a lease is not held any more."""
    return LeaseLost(f"Another process works on the grant of {lease.id} now; what was got is dropped.")
