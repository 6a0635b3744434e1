"""Grants and their tokens. The tokens are rows of the table `secrets`, as all secrets are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select, update

from shared.adapters.sql.secrets import remove_secrets, sealed_secrets
from shared.adapters.sql.tables import accounts, oauth_grants, secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState, account_grant, target_grant
from shared.ports.store.oauth import (
    ACCESS,
    REFRESH,
    SECRET_KIND,
    Grant,
    Renewal,
    SealedTokens,
    StoredGrant,
)

GRANT = oauth_grants.c
SECRET_COLUMNS = ("kind", "id", "field", "key", "sealed", "set_at")
ENDED = (GrantState.REVOKING.value, GrantState.REVOKED.value)
"""States in which a grant gives no tokens any more."""
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
        rows = token_rows(grant_id, renewal.tokens, now)
        transaction.bulk.put(connection, secrets, SECRET_COLUMNS, rows)
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


def _grant(row: Sequence[Any]) -> Grant:
    """Return the grant of a row with `_COLUMNS`."""
    values = dict(zip(_COLUMNS, row, strict=True))
    return Grant(**{**values, "state": GrantState(values["state"])})


def token_rows(grant_id: str, tokens: SealedTokens, now: float) -> list[tuple[Any, ...]]:
    """Return the rows of a grant's tokens, with `SECRET_COLUMNS`."""
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
