"""Grants, their leases and their tokens. The tokens are rows of the table `secrets`, as all secrets are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select, update

from shared.adapters.sql.secrets import remove_secrets, sealed_secrets
from shared.adapters.sql.tables import accounts, oauth_apps, oauth_grants, secrets
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState, account_grant, target_grant
from shared.model.sealed import Sealed
from shared.ports.store import LeaseLost
from shared.ports.store.oauth import (
    ACCESS,
    APP_SECRET_KIND,
    CLIENT_SECRET,
    REFRESH,
    SECRET_KIND,
    AppState,
    Grant,
    GrantLease,
    Refusal,
    Renewal,
    SealedTokens,
    StoredGrant,
)

GRANT = oauth_grants.c
APP = oauth_apps.c
SECRET = secrets.c
ENDED = (GrantState.REVOKING.value, GrantState.REVOKED.value)
"""States in which a grant gives no tokens any more."""
VALID = GrantState.VALID.value
RENEWED = (
    "id",
    "state",
    "problem",
    "scope",
    "issued_at",
    "expires_at",
    "due_at",
    "refreshed_at",
    "failures",
    "lease_owner",
    "lease_until",
)
"""What a refresh changes."""
REFUSED = "t.problem IS NOT NULL"
WRONG_CLOCK = 60.0
"""Seconds that a lease may end later than a new one would, before the clock that made it counts as wrong."""
_COLUMNS = (
    "id",
    "app",
    "username",
    "state",
    "problem",
    "scope",
    "consented_at",
    "issued_at",
    "expires_at",
    "due_at",
    "refreshed_at",
    "failures",
    "lease_until",
    "fence",
    "revoke_until",
)


def put_grant(
    transaction: Transaction, grant_id: str, app: str, username: str, now: float, renewal: Renewal | None
) -> None:
    """Begin a grant anew. Its fence rises, so that a refresh under way can write nothing."""
    connection = transaction.connection
    query = select(GRANT.fence).where(GRANT.id == grant_id).with_for_update()
    fence = connection.execute(query).scalar()
    values: dict[str, Any] = {
        "app": app,
        "username": username,
        "state": GrantState.VALID.value if renewal else GrantState.RETRYING.value,
        "problem": None,
        "scope": renewal.scope if renewal else None,
        "consented_at": now,
        "issued_at": renewal.issued_at if renewal else None,
        "expires_at": renewal.expires_at if renewal else None,
        "due_at": renewal.due_at if renewal else now,
        "refreshed_at": renewal.issued_at if renewal else None,
        "failures": 0,
        "lease_owner": None,
        "lease_until": None,
        "revoke_until": None,
        "fence": (fence or 0) + 1,
    }
    if fence is None:
        columns = ("id", *values)
        transaction.bulk.put(connection, oauth_grants, columns, [(grant_id, *values.values())])
    else:
        connection.execute(update(oauth_grants).where(GRANT.id == grant_id).values(values))
    forget_tokens(transaction, [grant_id])
    if renewal is not None:
        rows = _token_rows(grant_id, renewal.tokens, now)
        transaction.bulk.put(connection, secrets, _SECRET_COLUMNS, rows)
        _visit_again(transaction, grant_id, now)


def ensure_grants(transaction: Transaction, wanted: Sequence[tuple[str, str, str]], now: float) -> None:
    """Add those grants that are not there."""
    columns = ("id", "app", "username", "state", "consented_at", "due_at", "failures", "fence")
    rows = [(id_, app, user, GrantState.RETRYING.value, now, now, 0, 1) for id_, app, user in wanted]
    transaction.bulk.insert_absent(transaction.connection, oauth_grants, columns, rows)


def stored_grants(transaction: Transaction, ids: Sequence[str]) -> list[StoredGrant | None]:
    """Return these grants with their tokens, in this order; None for one that is not there."""
    connection, bulk = transaction
    rows = bulk.select(connection, oauth_grants, ("id",), [(each,) for each in ids], fields=_COLUMNS)
    found = {row[0]: _grant(row) for row in rows}
    tokens = sealed_secrets(transaction, SECRET_KIND, list(found))
    return [
        StoredGrant(found[each], tokens.get((each, ACCESS)), tokens.get((each, REFRESH)))
        if each in found
        else None
        for each in ids
    ]


def all_grants(transaction: Transaction) -> list[Grant]:
    """Return all grants, by id."""
    query = select(*(GRANT[name] for name in _COLUMNS)).order_by(GRANT.id)
    return [_grant(row) for row in transaction.connection.execute(query)]


def tenant_grants(transaction: Transaction, tenant: str, after: str, limit: int) -> list[Grant]:
    """Return up to `limit` grants of a tenant's accounts and targets with ids after `after`, by id."""
    # "0" follows "/", so these ranges hold what begins with the tenant's name and a slash.
    ranges = [
        (GRANT.id > of(f"{tenant}/")) & (GRANT.id < of(f"{tenant}0")) for of in (account_grant, target_grant)
    ]
    query = (
        select(*(GRANT[name] for name in _COLUMNS))
        .where(or_(*ranges), GRANT.id > after)
        .order_by(GRANT.id)
        .limit(limit)
    )
    return [_grant(row) for row in transaction.connection.execute(query)]


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


def record_renewals(transaction: Transaction, renewals: Sequence[Renewal]) -> list[LeaseLost | None]:
    """Store the tokens of these refreshes, and that their apps are well; return for each None or the error.

    Grants that failed because of an app that is well are due.
    """
    connection, bulk = transaction
    keys = [(each.lease.id,) for each in renewals]
    fields = ("id", "fence", "lease_owner", "app", "scope")
    rows = bulk.select(connection, oauth_grants, ("id",), keys, fields=fields, lock=True)
    held = {GrantLease(row[0], row[1]): (row[3], row[4]) for row in rows if row[2] is not None}
    # Of two for one lease the first one counts: it ends the lease.
    wanted = {each.lease: each for each in reversed(renewals) if each.lease in held}
    bulk.update(
        connection, oauth_grants, RENEWED, [_renewed(each, held[each.lease][1]) for each in wanted.values()]
    )
    tokens = [
        row for each in wanted.values() for row in _token_rows(each.lease.id, each.tokens, each.issued_at)
    ]
    bulk.put(connection, secrets, _SECRET_COLUMNS, tokens)
    apps = [(each,) for each in sorted({held[lease][0] for lease in wanted})]
    refused = bulk.select(connection, oauth_apps, ("name",), apps, fields=("name",), only=REFUSED)
    if refused:
        _clear_apps(transaction, [row[0] for row in refused], max(each.issued_at for each in wanted.values()))
    written = {id(each) for each in wanted.values()}
    return [None if id(each) in written else _lost(each.lease) for each in renewals]


def _renewed(renewal: Renewal, scope: str | None) -> tuple[Any, ...]:
    """Return the row of a renewed grant, with `RENEWED`; `scope` is that which it had."""
    at = renewal.issued_at
    dates = at, renewal.expires_at, renewal.due_at, at
    return (renewal.lease.id, VALID, None, renewal.scope or scope, *dates, 0, None, None)


def _clear_apps(transaction: Transaction, apps: Sequence[str], now: float) -> None:
    """Note that providers take these apps again."""
    connection = transaction.connection
    well = {"problem": None, "problem_since": None, "retry_at": None}
    connection.execute(update(oauth_apps).where(APP.name.in_(apps)).values(well))
    broken = GRANT.state == GrantState.APP_BROKEN.value
    connection.execute(update(oauth_grants).where(GRANT.app.in_(apps), broken).values(due_at=now))


def record_refusal(transaction: Transaction, refusal: Refusal, now: float) -> None:
    """Store why a refresh failed. The tokens stay: the access token may be good for a while."""
    problem = safe(refusal.problem)
    app = end_lease(
        transaction,
        refusal.lease,
        state=refusal.state.value,
        problem=problem,
        due_at=refusal.due_at,
        failures=GRANT.failures + 1,
        expires_at=now if refusal.access_is_over else GRANT.expires_at,
    )
    if refusal.app_until is None:
        return
    connection = transaction.connection
    transaction.bulk.insert_absent(connection, oauth_apps, ("name", "changed_at"), [(app, now)])
    connection.execute(
        update(oauth_apps)
        .where(APP.name == app)
        .values(
            problem=problem,
            problem_since=func.coalesce(APP.problem_since, now),
            retry_at=refusal.app_until,
        )
    )


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


def app_states(transaction: Transaction) -> dict[str, AppState]:
    """Return what is known of apps, with their sealed secrets."""
    connection = transaction.connection
    query = select(SECRET.id, SECRET.key, SECRET.sealed).where(
        SECRET.kind == APP_SECRET_KIND, SECRET.field == CLIENT_SECRET
    )
    sealed = {row.id: Sealed(row.key, bytes(row.sealed)) for row in connection.execute(query)}
    rows = connection.execute(select(oauth_apps).order_by(APP.name))
    return {
        row.name: AppState(
            row.name,
            row.spec,
            sealed.get(row.name),
            row.problem,
            row.problem_since,
            row.retry_at,
            row.removed_at,
        )
        for row in rows
    }


def put_app(transaction: Transaction, name: str, spec: str, secret: Sealed | None, now: float) -> None:
    """Keep an app; its grants that failed because of it are due."""
    connection, bulk = transaction
    columns = ("name", "spec", "problem", "problem_since", "retry_at", "changed_at", "removed_at")
    bulk.put(connection, oauth_apps, columns, [(name, spec, None, None, None, now, None)])
    if secret is not None:
        row = (APP_SECRET_KIND, name, CLIENT_SECRET, secret.key, secret.data, now)
        bulk.put(connection, secrets, _SECRET_COLUMNS, [row])
    connection.execute(
        update(oauth_grants)
        .where(GRANT.app == name, GRANT.state == GrantState.APP_BROKEN.value)
        .values(due_at=now)
    )


_SECRET_COLUMNS = ("kind", "id", "field", "key", "sealed", "set_at")


def _grant(row: Sequence[Any]) -> Grant:
    """Return the grant of a row with `_COLUMNS`."""
    values = dict(zip(_COLUMNS, row, strict=True))
    return Grant(**{**values, "state": GrantState(values["state"])})


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
        raise _lost(lease)
    connection.execute(update(oauth_grants).where(*held).values(lease_owner=None, lease_until=None, **values))
    return str(app)


def _lost(lease: GrantLease) -> LeaseLost:
    return LeaseLost(f"Another process works on the grant of {lease.id} now; what was got is dropped.")


def _token_rows(grant_id: str, tokens: SealedTokens, now: float) -> list[tuple[Any, ...]]:
    rows = [(SECRET_KIND, grant_id, ACCESS, tokens.access.key, tokens.access.data, now)]
    if tokens.refresh is not None:
        rows.append((SECRET_KIND, grant_id, REFRESH, tokens.refresh.key, tokens.refresh.data, now))
    return rows


def _visit_again(transaction: Transaction, grant_id: str, now: float) -> None:
    """Make the account of a grant due at once if its visits fail, unless one is under way."""
    account = grant_id.partition(":")[2]
    if grant_id != account_grant(account):
        return
    row = accounts.c
    is_free = or_(row.lease_until.is_(None), row.lease_until <= now)
    failing = update(accounts).where(row.id == account, row.failures > 0, is_free)
    transaction.connection.execute(failing.values(due_at=now, ready_at=now))


def forget_tokens(transaction: Transaction, ids: Sequence[str]) -> None:
    """Delete the tokens of these grants."""
    remove_secrets(transaction, SECRET_KIND, ids)
