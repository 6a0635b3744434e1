"""The apps that are kept in the database, and what is known of all."""

from __future__ import annotations

from sqlalchemy import select, update

from shared.adapters.sql.oauth_grants import SECRET_COLUMNS
from shared.adapters.sql.secrets import remove_secrets
from shared.adapters.sql.tables import oauth_apps, oauth_grants, secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState
from shared.model.sealed import Sealed
from shared.ports.store.oauth import APP_SECRET_KIND, CLIENT_SECRET, AppState, AppWrite

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
            row.revision,
        )
        for row in rows
    }


def put_app(transaction: Transaction, write: AppWrite, now: float) -> int | None:
    """Keep an app; its grants that failed because of it are due."""
    connection, bulk = transaction
    query = select(APP.revision, APP.spec, APP.removed_at).where(APP.name == write.name)
    row = connection.execute(query.with_for_update()).first()
    found = row.revision if row is not None and row.spec is not None and row.removed_at is None else 0
    if write.expected is not None and write.expected != found:
        return None
    revision = 1 if row is None else row.revision + 1
    columns = ("name", "spec", "problem", "problem_since", "retry_at", "changed_at", "removed_at", "revision")
    values = (write.name, write.spec, None, None, None, now, None, revision)
    if row is None:
        if not bulk.insert_absent(connection, oauth_apps, columns, [values]):
            return None
    else:
        bulk.put(connection, oauth_apps, columns, [values])
    if write.secret is not None:
        secret = (APP_SECRET_KIND, write.name, CLIENT_SECRET, write.secret.key, write.secret.data, now)
        bulk.put(connection, secrets, SECRET_COLUMNS, [secret])
    elif write.drops_secret:
        remove_secrets(transaction, APP_SECRET_KIND, [write.name])
    connection.execute(
        update(oauth_grants)
        .where(GRANT.app == write.name, GRANT.state == GrantState.APP_BROKEN.value)
        .values(due_at=now)
    )
    return int(revision)
