"""Pages of accounts for operators, those with problems first, and the counts of the accounts on a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, or_, select

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
    allow_scans(transaction.connection)
    found = coloured(now).where(*_scope(query)).subquery()
    counts = _counts(transaction, found) if query.counted else {}
    return AccountPage(counts, _listed(transaction, _first(transaction, found, query)))


def _counts(transaction: Transaction, found: Subquery) -> dict[tuple[Colour, AccountCondition], int]:
    counted = select(found.c.rank, found.c.state, func.count().label("number"))
    return {
        (WORST_FIRST[row.rank], AccountCondition(row.state)): row.number
        for row in transaction.connection.execute(counted.group_by(found.c.rank, found.c.state))
    }


def _first(
    transaction: Transaction, found: Subquery, query: AccountQuery
) -> dict[str, tuple[Colour, AccountCondition]]:
    """The names of a page with colour and condition, in order.

    Colours are asked for one by one: so the database reads by name, and stops where the page is full. What
    has a part of a name is found by reading all names, which is done once.
    """
    ranks = [rank for rank, colour in enumerate(WORST_FIRST) if not query.colours or colour in query.colours]
    if query.after is not None:
        ranks = [rank for rank in ranks if rank >= WORST_FIRST.index(query.after[0])]
    steps = [ranks] if query.text else [[rank] for rank in ranks]
    page: dict[str, tuple[Colour, AccountCondition]] = {}
    for step in steps:
        if len(page) >= query.limit:
            break
        listed = select(found.c.id, found.c.rank, found.c.state).where(found.c.rank.in_(step))
        listed = listed.where(*_further(found, query)).limit(query.limit - len(page))
        listed = listed.order_by(*([found.c.rank] if len(step) > 1 else []), found.c.id)
        for row in transaction.connection.execute(listed):
            page[row.id] = WORST_FIRST[row.rank], AccountCondition(row.state)
    return page


def _further(found: Subquery, query: AccountQuery) -> list[ColumnElement[bool]]:
    """The condition that an account comes after those of the pages before, and fails where that is asked."""
    conditions: list[ColumnElement[bool]] = []
    if query.failing:
        conditions.append(found.c.state == AccountCondition.FAILING.value)
    if query.after is not None:
        rank, name = WORST_FIRST.index(query.after[0]), query.after[1]
        conditions.append(or_(found.c.rank > rank, found.c.id > name))
    return conditions


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
    # An empty list in an OR would keep the databases from using their indexes.
    named = [SPEC.id.in_(query.accounts)] if query.accounts else []
    if query.tenants:
        named.append(SPEC.tenant.in_(query.tenants))
    if named:
        conditions.append(or_(*named))
    if query.text:
        conditions.append(func.lower(SPEC.id).contains(query.text.lower(), autoescape=True))
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
