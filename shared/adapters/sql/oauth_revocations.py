"""Grants that end: their tokens stay until the provider was told, or until telling it was given up.

A grant without a refresh token ends at once: there is nothing that a provider could be told.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, select, update

from shared.adapters.sql.oauth_grants import ENDED, forget_tokens
from shared.adapters.sql.oauth_leases import end_lease, is_free, leased
from shared.adapters.sql.secrets import remove_secrets
from shared.adapters.sql.tables import oauth_apps, oauth_grants, secrets, specs
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState
from shared.ports.store.oauth import (
    ACCESS,
    APP_SECRET_KIND,
    REFRESH,
    SECRET_KIND,
    GrantLease,
    Removal,
)

GRANT, APP, SECRET, SPEC = oauth_grants.c, oauth_apps.c, secrets.c, specs.c
REVOKING = GrantState.REVOKING.value
AT_ONCE = 500
"""Grants in one statement: both databases bound how many values it may have."""
NOTHING_LEFT = {
    "problem": None,
    "due_at": None,
    "issued_at": None,
    "expires_at": None,
    "lease_owner": None,
    "lease_until": None,
    "revoke_until": None,
}


def give_back(
    transaction: Transaction, ids: Sequence[str], now: float, until: float, *, stays: bool
) -> list[str]:
    """End these grants; return those whose provider is to be told, until the time `until`.

    `stays`: the account or target is still there, so one that has ended is kept as revoked.
    """
    to_tell = []
    for start in range(0, len(ids), AT_ONCE):
        to_tell += _give_back(transaction, ids[start : start + AT_ONCE], now, until, stays=stays)
    return to_tell


def _give_back(
    transaction: Transaction, ids: Sequence[str], now: float, until: float, *, stays: bool
) -> list[str]:
    connection = transaction.connection
    query = select(GRANT.id, GRANT.state).where(GRANT.id.in_(ids)).order_by(GRANT.id).with_for_update()
    states = {row.id: row.state for row in connection.execute(query)}
    tokens = select(SECRET.id).where(
        SECRET.kind == SECRET_KIND, SECRET.id.in_(states), SECRET.field == REFRESH
    )
    to_tell = sorted(connection.execute(tokens).scalars())
    new = [each for each in to_tell if states[each] != REVOKING]
    change = update(oauth_grants).where(GRANT.id.in_(new))
    connection.execute(
        change.values(
            state=REVOKING,
            problem=None,
            due_at=now,
            expires_at=None,
            failures=0,
            lease_owner=None,
            lease_until=None,
            fence=GRANT.fence + 1,
            revoke_until=until,
        )
    )
    remove_secrets(transaction, SECRET_KIND, new, [ACCESS])
    _end(transaction, [each for each in states if each not in to_tell], stays=stays)
    return to_tell


def lease_revocations(
    transaction: Transaction, holder: str, now: float, until: float, limit: int
) -> list[GrantLease]:
    """Lease grants whose provider is to be told now, also those of an app that was refused."""
    query = (
        select(GRANT.id)
        .where(GRANT.state == REVOKING, GRANT.due_at <= now, is_free(now, until))
        .order_by(GRANT.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return leased(transaction, transaction.connection.execute(query).scalars().all(), holder, until)


def lease_revocation(
    transaction: Transaction, grant_id: str, holder: str, now: float, until: float
) -> GrantLease | None:
    """Lease one grant whose provider is to be told, due or not."""
    query = select(GRANT.id).where(GRANT.id == grant_id, GRANT.state == REVOKING, is_free(now, until))
    found = transaction.connection.execute(query.with_for_update(skip_locked=True)).scalar()
    return leased(transaction, [found], holder, until)[0] if found else None


def has_same_sign_in(transaction: Transaction, grant_id: str) -> bool:
    """Return whether another grant that goes on was got by the same app for the same user."""
    other = oauth_grants.alias("other").c
    same = exists().where(
        other.id != GRANT.id,
        other.app == GRANT.app,
        func.lower(other.username) == func.lower(GRANT.username),
        other.state.not_in(ENDED),
    )
    query = select(GRANT.id).where(GRANT.id == grant_id, same)
    return transaction.connection.execute(query).first() is not None


def end_revocation(transaction: Transaction, lease: GrantLease) -> None:
    """Forget a grant that was given back, and its app where that was the last one of a removed app.

    It stays as revoked while its account or target is there. Raises `LeaseLost`.
    """
    app = end_lease(transaction, lease)
    kind, _, name = lease.id.partition(":")
    there = select(SPEC.id).where(SPEC.kind == kind, SPEC.id == name, SPEC.removed_at.is_(None))
    _end(transaction, [lease.id], stays=transaction.connection.execute(there).first() is not None)
    _forget_removed_app(transaction, app)


def postpone_revocation(transaction: Transaction, lease: GrantLease, problem: str, due_at: float) -> None:
    """Store why the provider could not be told, and when to try again. Raises `LeaseLost`."""
    end_lease(transaction, lease, problem=safe(problem), due_at=due_at, failures=GRANT.failures + 1)


def remove_app(
    transaction: Transaction, name: str, now: float, until: float, expected: int | None
) -> Removal | None:
    """Remove an app that is kept here; its grants are given back first, and its secret is kept for that."""
    connection = transaction.connection
    query = select(APP.name).where(APP.name == name, APP.spec.is_not(None), APP.removed_at.is_(None))
    if expected is not None:
        query = query.where(APP.revision == expected)
    if connection.execute(query.with_for_update()).first() is None:
        return None
    ids = connection.execute(select(GRANT.id).where(GRANT.app == name)).scalars().all()
    to_tell = give_back(transaction, ids, now, until, stays=False)
    connection.execute(update(oauth_apps).where(APP.name == name).values(removed_at=now))
    _forget_removed_app(transaction, name)
    return Removal(len(ids), len(to_tell))


def _end(transaction: Transaction, ids: Sequence[str], *, stays: bool) -> None:
    """Forget the tokens of grants, and the grants where they do not stay as revoked."""
    connection = transaction.connection
    forget_tokens(transaction, ids)
    if stays:
        change = update(oauth_grants).where(GRANT.id.in_(ids))
        values = {"state": GrantState.REVOKED.value, "fence": GRANT.fence + 1, **NOTHING_LEFT}
        connection.execute(change.values(values))
    else:
        connection.execute(delete(oauth_grants).where(GRANT.id.in_(ids)))


def _forget_removed_app(transaction: Transaction, name: str) -> None:
    """Delete an app that was removed, with its secret, once none of its grants is to be given back."""
    connection = transaction.connection
    waits = exists().where(GRANT.app == APP.name, GRANT.state == REVOKING)
    done = delete(oauth_apps).where(APP.name == name, APP.removed_at.is_not(None), ~waits)
    if connection.execute(done).rowcount:
        remove_secrets(transaction, APP_SECRET_KIND, [name])
