"""Login tests, so that any process can say how one is doing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from shared.adapters.sql.access.tables import login_tests
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store.onboarding import StoredLoginTest

TEST = login_tests.c
KEPT = 3600.0
"""Seconds for which a test can be asked for. A person looks at it within minutes."""


def add_login_test(transaction: Transaction, test: StoredLoginTest, most: int, alive_since: float) -> bool:
    """Write a test that begins, if its tenant has fewer than `most` under way."""
    connection = transaction.connection
    connection.execute(delete(login_tests).where(TEST.begun_at < test.begun_at - KEPT))
    under_way = (TEST.tenant == test.tenant, TEST.is_done.is_(False), TEST.begun_at >= alive_since)
    count = connection.execute(select(func.count()).select_from(login_tests).where(*under_way)).scalar_one()
    if count >= most:
        return False
    connection.execute(
        insert(login_tests).values(
            id=test.id,
            tenant=test.tenant,
            account=test.account,
            link=test.link,
            who=test.who,
            begun_at=test.begun_at,
            report=_written(test.report),
            is_done=test.is_done,
        )
    )
    return True


def write_login_test(
    transaction: Transaction, test: str, report: Mapping[str, Any], *, is_done: bool
) -> None:
    """Write what is known of a test."""
    change = update(login_tests).where(TEST.id == test)
    transaction.connection.execute(change.values(report=_written(report), is_done=is_done))


def login_test_of(transaction: Transaction, test: str) -> StoredLoginTest | None:
    """Return a test."""
    row = transaction.connection.execute(select(login_tests).where(TEST.id == test)).first()
    if row is None:
        return None
    report = json.loads(row.report)
    return StoredLoginTest(
        row.id, row.tenant, row.account, row.link, row.who, row.begun_at, report, bool(row.is_done)
    )


def _written(report: Mapping[str, Any]) -> str:
    """The report as JSON. What a server says may have a NUL, which PostgreSQL cannot hold; ASCII has none."""
    return json.dumps(report)
