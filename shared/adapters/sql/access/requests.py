"""What was done by whom, and the answers that a repeated request gets again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from shared.adapters.sql.access.tables import audit, idempotency_keys
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store.access import Answer, AuditRecord, Known, Repetition

RECORD, REQUEST = audit.c, idempotency_keys.c
KEPT = 86400.0
"""Seconds for which an answer is given again."""
LONGEST = 120.0
"""Seconds after which a request without an answer counts as ended with its process: twice its time limit."""


def record(transaction: Transaction, records: Sequence[AuditRecord]) -> None:
    """Append to the audit."""
    for each in records:
        values = {
            "at": each.at,
            "who": each.who,
            "address": each.address,
            "action": each.action,
            "tenant": each.tenant,
            "object": each.object,
            "before": _written(each.before),
            "after": _written(each.after),
        }
        transaction.connection.execute(insert(audit).values(values))


def audit_before(transaction: Transaction, tenant: str | None, before: int, limit: int) -> list[AuditRecord]:
    """Return up to `limit` records, newest first."""
    query = select(audit).order_by(RECORD.number.desc()).limit(limit)
    if before:
        query = query.where(RECORD.number < before)
    if tenant is not None:
        query = query.where(RECORD.tenant == tenant)
    return [
        AuditRecord(
            row.at,
            row.who,
            row.address,
            row.action,
            row.tenant,
            row.object,
            _read(row.before),
            _read(row.after),
            row.number,
        )
        for row in transaction.connection.execute(query)
    ]


def begin_request(transaction: Transaction, owner: str, key: str, digest: str, now: float) -> Known:
    """Note that a request with this key begins, unless it is known; old ones are deleted."""
    connection = transaction.connection
    old = (REQUEST.begun_at < now - KEPT) | (REQUEST.status.is_(None) & (REQUEST.begun_at < now - LONGEST))
    connection.execute(delete(idempotency_keys).where(REQUEST.begun_at < now - LONGEST, old))
    same = REQUEST.owner == owner, REQUEST.key == key
    before = connection.execute(select(func.count()).select_from(idempotency_keys).where(*same)).scalar_one()
    if not before:
        columns = ("owner", "key", "digest", "begun_at")
        rows = [(owner, key, digest, float(now))]
        if transaction.bulk.insert_absent(connection, idempotency_keys, columns, rows):
            return Known(Repetition.NEW)
    row = connection.execute(select(idempotency_keys).where(*same)).one()
    if row.digest != digest:
        return Known(Repetition.OTHER)
    if row.status is None:
        return Known(Repetition.RUNNING)
    return Known(Repetition.DONE, Answer(row.status, json.loads(row.headers), bytes(row.body)))


def end_request(transaction: Transaction, owner: str, key: str, answer: Answer | None) -> None:
    """Keep the answer to a request; None forgets the request."""
    same = REQUEST.owner == owner, REQUEST.key == key
    if answer is None:
        transaction.connection.execute(delete(idempotency_keys).where(*same))
        return
    kept = {"status": answer.status, "headers": json.dumps(dict(answer.headers)), "body": answer.body}
    transaction.connection.execute(update(idempotency_keys).where(*same).values(kept))


def _written(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False, sort_keys=True)


def _read(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else json.loads(text)
