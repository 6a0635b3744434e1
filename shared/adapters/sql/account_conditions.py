"""The condition and the colour of accounts as SQL, so that the database counts and sorts them.

Accounts are those of the registry, those that were removed left out, beside their schedule.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, or_, select

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.registry.reading import registry_revision
from shared.adapters.sql.tables import UNBACKED, accounts, messages, recipients, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.account_condition import OVERDUE, WORST_FIRST, AccountCondition, Colour
from shared.model.spec import Kind
from shared.ports.store.accounts import AccountTotals

ACCOUNT, SPEC, MESSAGE, RECIPIENT = accounts.c, specs.c, messages.c, recipients.c
REGISTERED = and_(SPEC.kind == Kind.ACCOUNT.value, SPEC.removed_at.is_(None))
LEFT_BEHIND = (UNBACKED, MESSAGE.gone, MESSAGE.blob.is_(None))
"""Of mails that left their source before they were done, with no copy held."""


def account_totals(transaction: Transaction, now: float, tenants: int) -> AccountTotals:
    """Return how the accounts of the registry are, with the failing ones of up to `tenants` tenants."""
    connection = transaction.connection
    revision = registry_revision(transaction)
    allow_scans(connection)
    state = condition(now).label("state")
    began = func.min(func.coalesce(ACCOUNT.succeeded_at, SPEC.created_at))
    counted = (
        select(state, func.count().label("number"), began.label("began"))
        .select_from(scheduled())
        .where(REGISTERED)
        .group_by(state)
    )
    rows = {AccountCondition(row.state): row for row in connection.execute(counted)}
    since = rows[AccountCondition.FAILING].began if AccountCondition.FAILING in rows else None
    states = {each: row.number for each, row in rows.items()}
    failing = _failing_tenants(transaction, now, tenants) if since is not None else {}
    return AccountTotals(states, failing, since, revision)


def _failing_tenants(transaction: Transaction, now: float, tenants: int) -> dict[str, int]:
    number = func.count().label("number")
    query = (
        select(SPEC.tenant, number)
        .select_from(scheduled())
        .where(REGISTERED, ACCOUNT.failures > 0, condition(now) == AccountCondition.FAILING.value)
        .group_by(SPEC.tenant)
        # By name where the numbers are equal: else each look would report others.
        .order_by(number.desc(), SPEC.tenant)
        .limit(tenants)
    )
    return {row.tenant: row.number for row in transaction.connection.execute(query)}


def scheduled() -> FromClause:
    """The accounts of the registry beside their schedules. One that was never scheduled has nulls there."""
    return specs.outerjoin(accounts, ACCOUNT.id == SPEC.id)


def condition(now: float) -> ColumnElement[str]:
    """The `AccountCondition` of an account."""
    nobody_visits = or_(ACCOUNT.lease_until.is_(None), ACCOUNT.lease_until <= now)
    return case(
        (or_(~SPEC.enabled, ACCOUNT.enabled.is_(False)), AccountCondition.DISABLED.value),
        (ACCOUNT.paused, AccountCondition.PAUSED.value),
        (ACCOUNT.failures > 0, AccountCondition.FAILING.value),
        (and_(ACCOUNT.due_at < now - OVERDUE, nobody_visits), AccountCondition.OVERDUE.value),
        (ACCOUNT.visited_at.is_(None), AccountCondition.NEW.value),
        (ACCOUNT.problem.is_not(None), AccountCondition.DEGRADED.value),
        else_=AccountCondition.WORKING.value,
    )


def coloured(now: float) -> Select[Any]:
    """Select accounts with their `state`, and the place of their colour in `WORST_FIRST` as `rank`."""
    state = condition(now).label("state")
    held = state.in_([AccountCondition.DISABLED.value, AccountCondition.PAUSED.value])
    in_part = state.in_([AccountCondition.OVERDUE.value, AccountCondition.DEGRADED.value])
    troubled = or_(SPEC.id.in_(_with_parked()), SPEC.id.in_(_with_lost()))
    rank = case(
        (state == AccountCondition.FAILING.value, WORST_FIRST.index(Colour.RED)),
        (held, WORST_FIRST.index(Colour.YELLOW)),
        (ACCOUNT.visited_at.is_(None), WORST_FIRST.index(Colour.WHITE)),
        (or_(in_part, troubled), WORST_FIRST.index(Colour.YELLOW)),
        else_=WORST_FIRST.index(Colour.GREEN),
    )
    return select(SPEC.id, state, rank.label("rank")).select_from(scheduled()).where(REGISTERED)


def _with_parked() -> Select[str]:
    """The accounts of which a recipient is parked."""
    return (
        select(MESSAGE.account)
        .join_from(recipients, messages, MESSAGE.id == RECIPIENT.message)
        .where(RECIPIENT.parked_at.is_not(None))
        .distinct()
    )


def _with_lost() -> Select[str]:
    """The accounts of which a mail was lost at the source."""
    return select(MESSAGE.account).where(*LEFT_BEHIND).distinct()
