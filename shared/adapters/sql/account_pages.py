"""Pages of accounts for operators, those with problems first, and the counts of the accounts on a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from shared.adapters.sql.account_conditions import (
    ACCOUNT,
    LEFT_BEHIND,
    MESSAGE,
    RECIPIENT,
    SPEC,
    coloured,
    scheduled,
)
from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.registry.holding import DISABLED_HOLDER
from shared.adapters.sql.rows import decode_read_failures
from shared.adapters.sql.tables import KEPT, messages, recipients, skipped, suppressions
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.account_condition import WORST_FIRST, AccountCondition, Colour
from shared.model.message import IN_FLIGHT, MessageStatus
from shared.model.spec import Kind, Manager
from shared.ports.store.accounts import AccountCounts, AccountPage, AccountQuery, AccountState, ListedAccount
from shared.ports.store.operator import MailTotals

ACCOUNTS_PER_STATEMENT = 500
OF_STATE = (
    ACCOUNT.id.label("account"),
    ACCOUNT.enabled,
    ACCOUNT.due_at,
    ACCOUNT.lease_owner.label("leased_by"),
    ACCOUNT.lease_until,
    ACCOUNT.failures,
    ACCOUNT.problem,
    ACCOUNT.visited_at,
    ACCOUNT.succeeded_at,
    ACCOUNT.waiting,
    ACCOUNT.paused,
    ACCOUNT.method,
    ACCOUNT.host,
    ACCOUNT.setbacks,
)
"""The columns of which an `AccountState` is made."""
_OF_SPEC = (
    SPEC.id.label("name"),
    SPEC.enabled.label("is_enabled"),
    DISABLED_HOLDER.label("disabled_holder"),
    SPEC.spec,
    SPEC.managed_by,
    SPEC.origin,
)


def account_page(transaction: Transaction, query: AccountQuery, now: float) -> AccountPage:
    """Return the first accounts of a query, and the counts of all."""
    connection = transaction.connection
    allow_scans(connection)
    found = coloured(now).where(*_scope(query)).subquery()
    counted = select(found.c.rank, found.c.state, func.count().label("number"))
    counts = {
        (WORST_FIRST[row.rank], AccountCondition(row.state)): row.number
        for row in connection.execute(counted.group_by(found.c.rank, found.c.state))
    }
    listed = (
        select(found.c.id, found.c.rank, found.c.state).order_by(found.c.rank, found.c.id).limit(query.limit)
    )
    listed = listed.where(*_on_page(found.c, query))
    conditions = {
        row.id: (WORST_FIRST[row.rank], AccountCondition(row.state)) for row in connection.execute(listed)
    }
    return AccountPage(counts, _listed(transaction, conditions))


def account_counts(transaction: Transaction, names: Sequence[str]) -> Mapping[str, AccountCounts]:
    """Return the counts of these accounts."""
    counts = dict.fromkeys(names, AccountCounts())
    allow_scans(transaction.connection)
    for some in portions(names):
        for field, query in _counting(some).items():
            for account, number in transaction.connection.execute(query):
                counts[account] = counts[account]._replace(**{field: number})
    return counts


def mail_totals(transaction: Transaction, tenant: str | None = None) -> MailTotals:
    """Return how many mails are on their way and recipients parked; of one tenant, or of all."""
    allow_scans(transaction.connection)
    of_tenant = [] if tenant is None else [MESSAGE.tenant == tenant]
    on_way = select(func.count()).select_from(messages)
    on_way = on_way.where(KEPT, MESSAGE.settled_at.is_(None), MESSAGE.status.in_([*map(str, IN_FLIGHT)]))
    parked = select(func.count()).select_from(recipients).where(RECIPIENT.parked_at.is_not(None))
    if tenant is not None:
        parked = parked.join(messages, MESSAGE.id == RECIPIENT.message)
    counts = [transaction.connection.scalar(each.where(*of_tenant)) for each in (on_way, parked)]
    return MailTotals(counts[0] or 0, counts[1] or 0)


def state_of_row(fields: Mapping[str, Any]) -> AccountState:
    """Return the state in the columns `OF_STATE`."""
    rest = {name: value for name, value in fields.items() if name != "setbacks"}
    return AccountState(**rest, read_failures=decode_read_failures(fields["setbacks"]))


def portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the names in parts, each of which fits into a statement."""
    for start in range(0, len(names), ACCOUNTS_PER_STATEMENT):
        yield names[start : start + ACCOUNTS_PER_STATEMENT]


def _scope(query: AccountQuery) -> list[ColumnElement[bool]]:
    """The condition that an account is one of those that are asked for."""
    conditions: list[ColumnElement[bool]] = []
    if query.accounts or query.tenants:
        conditions.append(or_(SPEC.id.in_(query.accounts), SPEC.tenant.in_(query.tenants)))
    if query.text:
        conditions.append(func.lower(SPEC.id).contains(query.text.lower(), autoescape=True))
    return conditions


def _on_page(found: ReadOnlyColumnCollection[str, Any], query: AccountQuery) -> list[ColumnElement[bool]]:
    """The condition that an account is on the page, and not only counted."""
    conditions: list[ColumnElement[bool]] = []
    if query.failing:
        conditions.append(found.state == AccountCondition.FAILING.value)
    if query.colours:
        conditions.append(found.rank.in_([WORST_FIRST.index(each) for each in query.colours]))
    if query.after is not None:
        rank, name = WORST_FIRST.index(query.after[0]), query.after[1]
        conditions.append(or_(found.rank > rank, and_(found.rank == rank, found.id > name)))
    return conditions


def _listed(
    transaction: Transaction, conditions: Mapping[str, tuple[Colour, AccountCondition]]
) -> list[ListedAccount]:
    """The accounts with these colours and conditions, in their order."""
    found: dict[str, ListedAccount] = {}
    for some in portions([*conditions]):
        query = (
            select(*_OF_SPEC, *OF_STATE)
            .select_from(scheduled())
            .where(SPEC.kind == Kind.ACCOUNT.value, SPEC.id.in_(some))
        )
        for row in transaction.connection.execute(query).mappings():
            state = {each.name: row[each.name] for each in OF_STATE}
            holder = row["disabled_holder"]
            found[row["name"]] = ListedAccount(
                account=row["name"],
                enabled=row["is_enabled"] and row["disabled_holder"] is None,
                disabled_holder=None if holder is None else Kind(holder),
                keys=json.loads(row["spec"]),
                managed_by=Manager(row["managed_by"]),
                origin=row["origin"],
                colour=conditions[row["name"]][0],
                condition=conditions[row["name"]][1],
                state=None if row["account"] is None else state_of_row(state),
            )
    return [found[each] for each in conditions]


def _counting(some: Sequence[str]) -> Mapping[str, Select[str, int]]:
    """For each field of `AccountCounts` the query that counts it, by account."""
    of_message = select(MESSAGE.account, func.count()).where(MESSAGE.account.in_(some))
    of_message = of_message.group_by(MESSAGE.account)
    # The account of each parked recipient is looked up: of a join, SQLite would read all messages.
    account = select(MESSAGE.account).where(MESSAGE.id == RECIPIENT.message).scalar_subquery()
    parked = select(account.label("account")).where(RECIPIENT.parked_at.is_not(None)).subquery().c.account
    suppressed, left = suppressions.c.account, skipped.c.account
    return {
        "in_flight": of_message.where(KEPT, MESSAGE.status.in_([*map(str, IN_FLIGHT)])),
        "settled": of_message.where(KEPT, MESSAGE.status == MessageStatus.SETTLED.value),
        "lost": of_message.where(*LEFT_BEHIND),
        "parked": select(parked, func.count()).where(parked.in_(some)).group_by(parked),
        "suppressed": select(suppressed, func.count()).where(suppressed.in_(some)).group_by(suppressed),
        "skipped": select(left, func.count()).where(left.in_(some), skipped.c.decided).group_by(left),
    }
