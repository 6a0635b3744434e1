"""Webhooks and their deliveries."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from sqlalchemy import RowMapping, delete, select, update

from shared.adapters.sql.access.tables import webhook_deliveries, webhooks
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store.webhooks import Delivery, Webhook

WEBHOOK, DELIVERY = webhooks.c, webhook_deliveries.c


def webhooks_after(transaction: Transaction, tenant: str | None, after: str, limit: int) -> list[Webhook]:
    """Return up to `limit` webhooks by id."""
    query = select(webhooks).where(WEBHOOK.id > after).order_by(WEBHOOK.id).limit(limit)
    if tenant is not None:
        query = query.where(WEBHOOK.tenant == tenant)
    return [_webhook(row) for row in transaction.connection.execute(query).mappings()]


def webhook_of(transaction: Transaction, webhook: str) -> Webhook | None:
    """Return a webhook."""
    row = transaction.connection.execute(select(webhooks).where(WEBHOOK.id == webhook)).mappings().first()
    return None if row is None else _webhook(row)


def save_webhook(transaction: Transaction, webhook: Webhook, expected: int) -> bool:
    """Write a webhook if it is there with the revision `expected`; return whether it was."""
    values = {**asdict(webhook), "events": json.dumps(sorted(webhook.events)), "revision": expected + 1}
    connection = transaction.connection
    if expected:
        known = WEBHOOK.id == webhook.id, WEBHOOK.revision == expected
        return connection.execute(update(webhooks).where(*known).values(values)).rowcount == 1
    return transaction.bulk.insert_absent(connection, webhooks, [*values], [tuple(values.values())]) == 1


def remove_webhook(transaction: Transaction, webhook: str, expected: int | None) -> bool:
    """Remove a webhook and its deliveries; return whether it was there as expected."""
    query = delete(webhooks).where(WEBHOOK.id == webhook)
    if expected is not None:
        query = query.where(WEBHOOK.revision == expected)
    if transaction.connection.execute(query).rowcount == 0:
        return False
    transaction.connection.execute(delete(webhook_deliveries).where(DELIVERY.webhook == webhook))
    return True


def take_due(transaction: Transaction, now: float, until: float, limit: int) -> list[Delivery]:
    """Return deliveries that are due, and leave them to the caller until `until`."""
    due = DELIVERY.next_at.is_not(None) & (DELIVERY.next_at <= now)
    query = select(webhook_deliveries).where(due).order_by(DELIVERY.next_at).limit(limit)
    found = [_delivery(row) for row in transaction.connection.execute(query).mappings()]
    taken = []
    for each in found:
        same = DELIVERY.id == each.id, DELIVERY.next_at == each.next_at
        change = update(webhook_deliveries).where(*same).values(next_at=float(until))
        if transaction.connection.execute(change).rowcount == 1:
            taken.append(replace(each, next_at=float(until)))
    return taken


def end_attempt(transaction: Transaction, delivery: Delivery) -> None:
    """Write what came of an attempt."""
    changed = {
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "delivered_at": delivery.delivered_at,
        "answer": delivery.answer,
    }
    same = DELIVERY.id == delivery.id
    transaction.connection.execute(update(webhook_deliveries).where(same).values(changed))


def deliveries_of(transaction: Transaction, webhook: str, limit: int) -> list[Delivery]:
    """Return the newest deliveries of a webhook."""
    query = select(webhook_deliveries).where(DELIVERY.webhook == webhook)
    rows = transaction.connection.execute(
        query.order_by(DELIVERY.created_at.desc(), DELIVERY.id).limit(limit)
    )
    return [_delivery(row) for row in rows.mappings()]


def prune_deliveries(transaction: Transaction, before: float) -> None:
    """Delete deliveries that were done or given up, and made before then."""
    old = DELIVERY.next_at.is_(None), DELIVERY.created_at < before
    transaction.connection.execute(delete(webhook_deliveries).where(*old))


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(
        row["id"],
        row["tenant"],
        row["url"],
        frozenset(json.loads(row["events"])),
        bool(row["enabled"]),
        row["created_at"],
        row["revision"],
    )


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{**row, "body": bytes(row["body"])})
