"""The apps that are kept in the database, and what is known of all."""

from __future__ import annotations

from sqlalchemy import select, update

from shared.adapters.sql.oauth_grants import SECRET_COLUMNS
from shared.adapters.sql.tables import oauth_apps, oauth_grants, secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState
from shared.model.sealed import Sealed
from shared.ports.store.oauth import APP_SECRET_KIND, CLIENT_SECRET, AppState

GRANT, APP, SECRET = oauth_grants.c, oauth_apps.c, secrets.c


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
        bulk.put(connection, secrets, SECRET_COLUMNS, [row])
    connection.execute(
        update(oauth_grants)
        .where(GRANT.app == name, GRANT.state == GrantState.APP_BROKEN.value)
        .values(due_at=now)
    )
