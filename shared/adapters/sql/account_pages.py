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
    REGISTERED,
    SPEC,
    coloured,
    condition,
    of_colour,
    out_of_order,
    scheduled,
)
from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.registry.holding import DISABLED_HOLDER
from shared.adapters.sql.rows import decode_read_failures
from shared.adapters.sql.tables import KEPT, skipped, specs, suppressions
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.account_condition import WORST_FIRST, AccountCondition, Colour
from shared.model.message import IN_FLIGHT, MessageStatus
from shared.model.spec import Kind, Manager
from shared.ports.store.accounts import AccountCounts, AccountPage, AccountQuery, AccountState, ListedAccount

ACCOUNTS_PER_STATEMENT = 500
FEW = 500
"""Accounts that are looked at one by one to count them."""
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
    named = _named(transaction, query) if query.text else query
    if named is None:
        return AccountPage()
    counts = _counts(transaction, named, now) if query.counted else {}
    if query.counted:
        there = {colour for colour, _ in counts}
        named = named._replace(colours=tuple(there.intersection(query.colours or WORST_FIRST)))
        if not named.colours:
            return AccountPage(counts)
    return AccountPage(counts, _listed(transaction, _first(transaction, named, now)))


def _named(transaction: Transaction, query: AccountQuery) -> AccountQuery | None:
    """Return the query with the names that have its text, so that these are looked for once; None where there
    are none. Where they are many, the query is returned as it is: a page is soon full.
    """
    names = select(SPEC.id).where(REGISTERED, *_scope(query)).limit(ACCOUNTS_PER_STATEMENT + 1)
    found = transaction.connection.execute(names).scalars().all()
    if len(found) > ACCOUNTS_PER_STATEMENT:
        return query
    return query._replace(accounts=tuple(found), tenants=(), text="") if found else None


def tenant_colours(
    transaction: Transaction, tenants: Sequence[str], now: float
) -> dict[str, dict[Colour, int]]:
    """Return how many accounts of each colour each of these tenants has."""
    allow_scans(transaction.connection)
    counts: dict[str, dict[Colour, int]] = {each: {} for each in tenants}
    whole = select(SPEC.tenant, func.count().label("number")).where(REGISTERED, SPEC.tenant.in_(tenants))
    few = []
    for row in transaction.connection.execute(whole.group_by(SPEC.tenant)):
        if row.number <= FEW:
            few.append(row.tenant)
            continue
        for (colour, _), number in _counts(transaction, AccountQuery(tenants=(row.tenant,)), now).items():
            counts[row.tenant][colour] = counts[row.tenant].get(colour, 0) + number
    found = coloured(now).where(SPEC.tenant.in_(few)).subquery()
    counted = select(found.c.tenant, found.c.rank, func.count().label("number"))
    for row in transaction.connection.execute(counted.group_by(found.c.tenant, found.c.rank)):
        counts[row.tenant][WORST_FIRST[row.rank]] = row.number
    return counts


def _counts(
    transaction: Transaction, query: AccountQuery, now: float
) -> dict[tuple[Colour, AccountCondition], int]:
    found = coloured(now).where(*_scope(query))
    if query.accounts:
        return _grouped(transaction, found.subquery())
    whole = select(func.count()).select_from(specs).where(REGISTERED, *_scope(query))
    number: int = transaction.connection.execute(whole).scalar_one()
    if number <= FEW:
        return _grouped(transaction, found.subquery())
    # All that nothing is said of are in order. To find that out for each takes three times as long.
    counts = _grouped(transaction, found.where(SPEC.id.in_(out_of_order(now))).subquery())
    in_order = number - sum(counts.values())
    if in_order:
        key = Colour.GREEN, AccountCondition.WORKING
        counts[key] = counts.get(key, 0) + in_order
    return counts


def _grouped(transaction: Transaction, found: Subquery) -> dict[tuple[Colour, AccountCondition], int]:
    counted = select(found.c.rank, found.c.state, func.count().label("number"))
    return {
        (WORST_FIRST[row.rank], AccountCondition(row.state)): row.number
        for row in transaction.connection.execute(counted.group_by(found.c.rank, found.c.state))
    }


def _first(
    transaction: Transaction, query: AccountQuery, now: float
) -> dict[str, tuple[Colour, AccountCondition]]:
    """The names of a page with colour and condition, in order.

    Colours are asked for one by one: so the database reads by name, and stops where the page is full.
    """
    colours = [each for each in WORST_FIRST if not query.colours or each in query.colours]
    if query.after is not None:
        place = WORST_FIRST.index(query.after[0])
        colours = [each for each in colours if WORST_FIRST.index(each) >= place]
    page: dict[str, tuple[Colour, AccountCondition]] = {}
    for colour in colours:
        if len(page) >= query.limit:
            break
        state = condition(now).label("state")
        listed = select(SPEC.id, state).select_from(scheduled()).where(REGISTERED, *_scope(query))
        listed = listed.where(of_colour(colour, now))
        if query.failing:
            listed = listed.where(state == AccountCondition.FAILING.value)
        if query.after is not None and query.after[0] is colour:
            listed = listed.where(SPEC.id > query.after[1])
        for row in transaction.connection.execute(listed.order_by(SPEC.id).limit(query.limit - len(page))):
            page[row.id] = colour, AccountCondition(row.state)
    return page


def account_counts(transaction: Transaction, names: Sequence[str]) -> Mapping[str, AccountCounts]:
    """Return the counts of these accounts."""
    counts = dict.fromkeys(names, AccountCounts())
    allow_scans(transaction.connection)
    for some in portions(names):
        for field, query in _counting(some).items():
            for account, number in transaction.connection.execute(query):
                counts[account] = counts[account]._replace(**{field: number})
    return counts


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
    named: list[ColumnElement[bool]] = [SPEC.id.in_(query.accounts)] if query.accounts else []
    if len(query.tenants) == 1:
        named.append(SPEC.tenant == query.tenants[0])  # of a list, SQLite would not use the index
    elif query.tenants:
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
