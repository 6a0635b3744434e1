"""Imports of accounts, so that any process can go on with one and say how it is doing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from shared.adapters.sql.access.tables import import_rows, imports
from shared.adapters.sql.secrets import put_secrets, remove_secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store.onboarding import IMPORT_TEXT_KIND, ImportPart, StoredImport, StoredImportRow
from shared.ports.store.secrets import SealedSecret

IMPORT, ROW = imports.c, import_rows.c
OF_IMPORT = ROW["import"]
KEPT = 30 * 86400.0
"""Seconds for which an import can be looked at after it was begun. The audit knows longer what it added."""


def add_import(transaction: Transaction, wanted: StoredImport, text: SealedSecret, most: int) -> bool:
    """Write an import that waits, if its tenant has fewer than `most`; old ones are deleted."""
    connection = transaction.connection
    waits = (IMPORT.tenant == wanted.tenant, IMPORT.ended_at.is_(None))
    if connection.execute(select(func.count()).select_from(imports).where(*waits)).scalar_one() >= most:
        return False
    old = select(IMPORT.id).where(
        IMPORT.tenant == wanted.tenant, IMPORT.created_at < wanted.created_at - KEPT
    )
    deleted = [str(name) for name in connection.execute(old).scalars()]
    connection.execute(delete(import_rows).where(OF_IMPORT.in_(deleted)))
    connection.execute(delete(imports).where(IMPORT.id.in_(deleted)))
    remove_secrets(transaction, IMPORT_TEXT_KIND, deleted)
    put_secrets(transaction, [text], wanted.created_at)
    connection.execute(
        insert(imports).values(
            id=wanted.id,
            tenant=wanted.tenant,
            request=json.dumps(wanted.request),
            created_by=wanted.created_by,
            created_at=wanted.created_at,
            holder="",
            busy_until=0.0,
            total=None,
            done=0,
            findings="[]",
            problem="",
        )
    )
    return True


def import_by_id(transaction: Transaction, name: str) -> StoredImport | None:
    """Return an import."""
    row = transaction.connection.execute(select(imports).where(IMPORT.id == name)).first()
    return None if row is None else _import(row)


def imports_before(transaction: Transaction, tenant: str, before: str, limit: int) -> list[StoredImport]:
    """Return up to `limit` imports of a tenant, newest first."""
    query = select(imports).where(IMPORT.tenant == tenant).order_by(IMPORT.id.desc()).limit(limit)
    if before:
        query = query.where(IMPORT.id < before)
    return [_import(row) for row in transaction.connection.execute(query)]


def rows_after(
    transaction: Transaction, name: str, after: int, limit: int, status: str | None
) -> list[StoredImportRow]:
    """Return up to `limit` rows with a number above `after`, of one status or all."""
    query = select(import_rows).where(_of(name), ROW.number > after).order_by(ROW.number).limit(limit)
    if status is not None:
        query = query.where(ROW.status == status)
    return [
        StoredImportRow(row.number, row.line, row.account, row.status, row.sentence, json.loads(row.findings))
        for row in transaction.connection.execute(query)
    ]


def counts(transaction: Transaction, name: str) -> dict[str, int]:
    """Return how many rows there are of each status."""
    query = select(ROW.status, func.count()).where(_of(name)).group_by(ROW.status)
    return {row[0]: row[1] for row in transaction.connection.execute(query)}


def take_import(transaction: Transaction, holder: str, now: float, until: float) -> StoredImport | None:
    """Return an import that nobody works on, which is `holder`'s until then.

    Of two processes that see the same one, the update of the second finds it taken.
    """
    connection = transaction.connection
    is_free = (IMPORT.ended_at.is_(None), IMPORT.busy_until <= now)
    free = select(IMPORT.id).where(*is_free).order_by(IMPORT.busy_until, IMPORT.id).limit(1)
    name = connection.execute(free).scalar()
    if name is None:
        return None
    taking = update(imports).where(IMPORT.id == name, *is_free).values(holder=holder, busy_until=until)
    return import_by_id(transaction, name) if connection.execute(taking).rowcount else None


def write_part(transaction: Transaction, name: str, holder: str, part: ImportPart, until: float) -> bool:
    """Write what became of rows, if the import is still `holder`'s and as far as it was."""
    connection = transaction.connection
    change = update(imports).where(_is_held(name, holder), IMPORT.done == part.done)
    given = {
        "total": part.total,
        "done": part.done + len(part.rows),
        "findings": json.dumps([*part.findings]),
        "busy_until": until,
    }
    if not connection.execute(change.values(**given)).rowcount:
        return False
    if part.rows:
        connection.execute(insert(import_rows), [_values(name, each) for each in part.rows])
    return True


def end_import(transaction: Transaction, name: str, holder: str, problem: str, now: float) -> bool:
    """End an import, if it is still `holder`'s, and forget its text."""
    change = update(imports).where(_is_held(name, holder)).values(ended_at=now, problem=_clean(problem))
    if not transaction.connection.execute(change).rowcount:
        return False
    remove_secrets(transaction, IMPORT_TEXT_KIND, [name])
    return True


def _of(name: str) -> ColumnElement[bool]:
    return import_rows.c["import"] == name


def _is_held(name: str, holder: str) -> Any:
    return (IMPORT.id == name) & (IMPORT.holder == holder) & IMPORT.ended_at.is_(None)


def _import(row: Row[Any]) -> StoredImport:
    request: Mapping[str, Any] = json.loads(row.request)
    findings: Sequence[Mapping[str, Any]] = tuple(json.loads(row.findings))
    return StoredImport(
        row.id,
        row.tenant,
        request,
        row.created_by,
        row.created_at,
        row.total,
        row.done,
        findings,
        row.ended_at,
        row.problem,
    )


def _values(name: str, row: StoredImportRow) -> dict[str, Any]:
    """A row as the table has it. JSON is ASCII; other texts of a file may have a NUL, which PostgreSQL
    cannot hold.
    """
    return {
        "import": name,
        "number": row.number,
        "line": row.line,
        "account": _clean(row.account),
        "status": row.status,
        "sentence": _clean(row.sentence),
        "findings": json.dumps([*row.findings]),
    }


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
