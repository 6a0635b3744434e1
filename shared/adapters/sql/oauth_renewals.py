"""What came of a refresh: new tokens, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, update

from shared.adapters.sql.oauth_grants import SECRET_COLUMNS, token_rows
from shared.adapters.sql.oauth_leases import end_lease, lost_lease
from shared.adapters.sql.tables import oauth_apps, oauth_grants, secrets
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import GrantState
from shared.ports.store import LeaseLost
from shared.ports.store.oauth import GrantLease, Refusal, Renewal

GRANT, APP = oauth_grants.c, oauth_apps.c
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
        row for each in wanted.values() for row in token_rows(each.lease.id, each.tokens, each.issued_at)
    ]
    bulk.put(connection, secrets, SECRET_COLUMNS, tokens)
    apps = [(each,) for each in sorted({held[lease][0] for lease in wanted})]
    refused = bulk.select(connection, oauth_apps, ("name",), apps, fields=("name",), only=REFUSED)
    if refused:
        _clear_apps(transaction, [row[0] for row in refused], max(each.issued_at for each in wanted.values()))
    written = {id(each) for each in wanted.values()}
    return [None if id(each) in written else lost_lease(each.lease) for each in renewals]


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
