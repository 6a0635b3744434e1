"""Conditions, and the events that they begin and end with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, select

from shared.adapters.sql.access.tables import events, webhook_deliveries, webhook_states
from shared.adapters.sql.tables import IN_NEED, accounts, messages, oauth_grants, recipients, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.spec import Kind
from shared.ports.store.events import (
    ConditionChange,
    EventQuery,
    EventRecord,
    FailingAccount,
    ParkedMail,
    WaitingGrant,
)
from shared.ports.store.webhooks import Delivery

CONDITION, EVENT, ACCOUNT = webhook_states.c, events.c, accounts.c
BEGUN, LAST_CHANGE = "bad", ""
"""The name of the row that every writer writes first. Its lock makes them take turns, so that the numbers of
events are given in the order in which the events can be read."""
NEW_EVENT = ("at", "event", "subject", "tenant", "account", "sentence")


def known_conditions(transaction: Transaction) -> dict[str, float]:
    """Return since when each condition is there."""
    query = select(webhook_states).where(CONDITION.state == BEGUN)
    return {row.object: row.since for row in transaction.connection.execute(query)}


def record_changes(transaction: Transaction, changes: Sequence[ConditionChange]) -> int:
    """Write the changes that still apply; return how many these were."""
    connection, bulk = transaction
    bulk.put(connection, webhook_states, CONDITION.keys(), [(LAST_CHANGE, "", 0.0)])
    now = known_conditions(transaction)
    done = [each for each in changes if now.get(each.name) == each.known]
    begun = sorted((each.name, BEGUN, float(each.since)) for each in done if each.since is not None)
    ended = [each.name for each in done if each.since is None]
    bulk.put(connection, webhook_states, CONDITION.keys(), begun)
    bulk.delete(connection, webhook_states, [(name,) for name in sorted(ended)])
    told = [each.event for each in done if each.event is not None]
    rows = [tuple(getattr(each, column) for column in NEW_EVENT) for each in told]
    bulk.insert(connection, events, NEW_EVENT, rows)
    _enter(transaction, [each for change in done for each in change.deliveries])
    return len(done)


def _enter(transaction: Transaction, deliveries: Sequence[Delivery]) -> None:
    if deliveries:
        connection, bulk = transaction
        rows = [tuple(asdict(each).values()) for each in sorted(deliveries, key=lambda each: each.id)]
        bulk.insert_absent(connection, webhook_deliveries, [*asdict(deliveries[0])], rows)


def events_after(transaction: Transaction, query: EventQuery, limit: int) -> list[EventRecord]:
    """Return events, the oldest first."""
    rows = transaction.connection.execute(_asked(query).order_by(EVENT.number).limit(limit))
    return [_event(row) for row in rows.mappings()]


def latest_events(transaction: Transaction, query: EventQuery, limit: int) -> list[EventRecord]:
    """Return events, the newest first."""
    rows = transaction.connection.execute(_asked(query).order_by(EVENT.number.desc()).limit(limit))
    return [_event(row) for row in rows.mappings()]


def _asked(query: EventQuery) -> Select[Any]:
    found = select(events).where(EVENT.number > query.after)
    if query.tenant is not None:
        found = found.where(EVENT.tenant == query.tenant)
    return found if query.accounts is None else found.where(EVENT.account.in_(sorted(query.accounts)))


def newest_event(transaction: Transaction) -> int:
    """Return the number of the newest event, or 0."""
    return int(transaction.connection.execute(select(func.max(EVENT.number))).scalar() or 0)


def prune_events(transaction: Transaction, before: float) -> None:
    """Delete events from before then; the newest one stays, as SQLite would give its number again."""
    newest = newest_event(transaction)
    transaction.connection.execute(delete(events).where(EVENT.at < before, EVENT.number < newest))


def failing_accounts(transaction: Transaction) -> list[FailingAccount]:
    """Return the accounts whose last visits failed."""
    connection, bulk = transaction
    fields = ACCOUNT.id, ACCOUNT.problem, ACCOUNT.enabled, ACCOUNT.paused
    rows = connection.execute(select(*fields).where(ACCOUNT.failures > 0).order_by(ACCOUNT.id)).all()
    # Joined here: without statistics SQLite would read all accounts of the registry for the few that fail.
    keys = [(Kind.ACCOUNT.value, row.id) for row in rows]
    known = ("id", "enabled", "removed_at")
    there = {
        name: bool(enabled)
        for name, enabled, removed_at in bulk.select(connection, specs, ("kind", "id"), keys, fields=known)
        if removed_at is None
    }
    return [
        FailingAccount(row.id, row.problem, there[row.id] and row.enabled and not row.paused)
        for row in rows
        if row.id in there
    ]


def waiting_grants(transaction: Transaction) -> list[WaitingGrant]:
    """Return the grants that wait for a person."""
    query = select(oauth_grants.c.id, oauth_grants.c.problem).where(IN_NEED).order_by(oauth_grants.c.id)
    return [WaitingGrant(row.id, row.problem) for row in transaction.connection.execute(query)]


def parked_since(transaction: Transaction, since: float) -> list[ParkedMail]:
    """Return the accounts of which recipients were parked since then."""
    query = (
        select(messages.c.account, func.count().label("number"))
        .join_from(recipients, messages, messages.c.id == recipients.c.message)
        .where(recipients.c.parked_at > since)
        .group_by(messages.c.account)
        .order_by(messages.c.account)
    )
    return [ParkedMail(row.account, row.number) for row in transaction.connection.execute(query)]


def _event(row: RowMapping) -> EventRecord:
    return EventRecord(**row)
