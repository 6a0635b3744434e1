"""What fetchers learnt about hosts, for each other and for after a restart."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.tables import host_facts as table
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import HostFact

MOST = 10_000
"""Facts that are read: those that hold longest."""
COLUMNS = HostFact._fields


def host_facts(transaction: Transaction, now: float) -> list[HostFact]:
    """Return the facts that hold still."""
    allow_scans(transaction.connection)  # what is over is deleted, so that the table is small
    query = select(*(table.c[name] for name in COLUMNS)).where(table.c.until > now)
    rows = transaction.connection.execute(query.order_by(table.c.until.desc()).limit(MOST))
    return [HostFact(*row) for row in rows]


def note_host_facts(transaction: Transaction, facts: Sequence[HostFact], now: float) -> None:
    """Enter facts in the place of earlier ones, and delete those that are over."""
    connection, bulk = transaction
    allow_scans(connection)
    connection.execute(delete(table).where(table.c.until <= now))
    rows = sorted((each.kind, safe(each.host), safe(each.fact), each.number, each.until) for each in facts)
    bulk.put(connection, table, COLUMNS, rows)
