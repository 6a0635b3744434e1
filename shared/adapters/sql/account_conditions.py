"""The condition and the colour of accounts as SQL, so that the database counts and sorts them.

Accounts are those of the registry, those that were removed left out, beside their schedule.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    and_,
    case,
    func,
    not_,
    or_,
    select,
    union,
)

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


def out_of_order(now: float) -> CompoundSelect[str]:
    """Select the accounts that are not both `WORKING` and green, some that were removed included.

    They are few as a rule, and found without a look at the registry's row of each account. An enabled account
    has a schedule always: both are written together.
    """
    in_schedule = or_(
        ACCOUNT.enabled.is_(False),
        ACCOUNT.paused,
        ACCOUNT.failures > 0,
        ACCOUNT.due_at < now - OVERDUE,
        ACCOUNT.visited_at.is_(None),
        ACCOUNT.problem.is_not(None),
    )
    return union(
        select(ACCOUNT.id).where(in_schedule),
        select(SPEC.id).where(REGISTERED, ~SPEC.enabled),
        _with_parked(),
        _with_lost(),
    )


def coloured(now: float) -> Select[Any]:
    """Select accounts with their `state`, and the place of their colour in `WORST_FIRST` as `rank`."""
    state = condition(now)
    rank = case(
        *((_is(colour, state), WORST_FIRST.index(colour)) for colour in _BY_RULE),
        else_=WORST_FIRST.index(Colour.YELLOW),
    )
    listed = select(SPEC.id, SPEC.tenant, state.label("state"), rank.label("rank"))
    return listed.select_from(scheduled()).where(REGISTERED)


def of_colour(colour: Colour, now: float) -> ColumnElement[bool]:
    """The condition that an account has a colour.

    Which accounts have parked or lost mail is looked up only for those colours that depend on it.
    """
    state = condition(now)
    if colour in _BY_RULE:
        return _is(colour, state)
    return not_(or_(*(_is(each, state) for each in _BY_RULE)))


_BY_RULE = (Colour.RED, Colour.WHITE, Colour.GREEN)
"""All others are yellow."""


def _is(colour: Colour, state: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an account has a colour of `_BY_RULE`."""
    if colour is Colour.RED:
        return state == AccountCondition.FAILING.value
    if colour is Colour.WHITE:
        return and_(ACCOUNT.visited_at.is_(None), state.not_in(_FAILING_OR_HELD))
    troubled = or_(SPEC.id.in_(_with_parked()), SPEC.id.in_(_with_lost()))
    # Not `=`: PostgreSQL would expect few such accounts, and read and sort all to find the first ones.
    return and_(state.not_in(_NOT_WORKING), not_(troubled))


_NOT_WORKING = [each.value for each in AccountCondition if each is not AccountCondition.WORKING]
_FAILING_OR_HELD = [
    each.value for each in (AccountCondition.FAILING, AccountCondition.DISABLED, AccountCondition.PAUSED)
]


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
