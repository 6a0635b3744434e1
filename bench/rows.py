"""What a mail costs in the database when ledger and journal have 1,000 rows, and when they have 1,000,000.

The whole life of a mail in the store, in batches: entered, routed, attempted, delivered, deletion allowed,
gone. The many rows are made by the database from those that are there, so that they are what Mailferry
writes.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import Connection, Table, text

from bench.result import Result
from shared.adapters.sql import open_store, upgrade
from shared.adapters.sql.engine import parse_url, postgres_engine, sqlite_engine
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.tables import claims, journal, messages, recipients
from shared.contract.journal import RecipientOutcome
from shared.custody.commands import Attempt, ChosenRecipient, Fence, FetchedMail, Outcomes, RoutedMail
from shared.model.message import LedgerKey, RecipientStatus
from shared.ports.store import Schedule
from tests.servers.postgres import Postgres

ACCOUNT, TENANT, ADDRESS = "bench/box", "bench", "bob@here.test"
FEW, FACTOR = 1000, 1000
BATCH, MEASURED = 100, 2000
LEASE = 900.0
NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :most)"
NAMED_ANEW = frozenset({"id", "message", "uid", "identity", "holder"})


def rows(postgres: Postgres, home: Path) -> dict[str, Result]:
    """Both databases, with few rows and with many."""
    results = {}
    for name, url in (("SQLite", f"sqlite://{home}/rows.db"), ("PostgreSQL", postgres.create_database())):
        upgrade(url)
        asyncio.run(_lives(url, 0, FEW))
        few = asyncio.run(_lives(url, FEW, MEASURED))
        _multiply(url)
        many = asyncio.run(_lives(url, FEW + MEASURED, MEASURED))
        for amount, (seconds, cpu) in (("thousand", few), ("million", many)):
            title = f"{name}, a {amount} rows and more"
            results[title] = Result(
                name=title,
                mails=MEASURED,
                seconds=seconds,
                cpu={"store": cpu},
                note=f"{seconds / MEASURED * 1e6:.0f} µs for each mail's whole life",
            )
    return results


async def _lives(url: str, first: int, count: int) -> tuple[float, float]:
    """Seconds of the clock and of this process's CPU for the lives of so many mails."""
    store = open_store(url)
    try:
        await store.sync_accounts([Schedule(ACCOUNT, 60.0, enabled=True)], 1.0)
        (lease,) = await store.lease_these("bench", [ACCOUNT], 1.0, 2.0 + first)
        begun, used = time.perf_counter(), time.process_time()
        for start in range(first, first + count, BATCH):
            await _batch(store, lease.fence, [f"m{number:020d}" for number in range(start, start + BATCH)])
        taken = time.perf_counter() - begun, time.process_time() - used
        await store.end_leases()
        return taken
    finally:
        await store.close()


async def _batch(store: SqlStore, fence: Fence, ids: list[str]) -> None:
    fetched = [FetchedMail(each, TENANT, LedgerKey("INBOX", 0, each), 0, 4000, 4096, "bench") for each in ids]
    await store.record_fetched(fence, fetched, 1.0, LEASE)
    await store.record_routed([_routed(each) for each in ids], 2.0, LEASE)
    attempts = [Attempt(each, 1, ((ADDRESS, 0),), "bench") for each in ids]
    await store.begin_attempts(attempts, 3.0, LEASE)
    await store.end_attempts([Outcomes(each, ((_delivered(), 1),)) for each in ids], 4.0, LEASE)
    await store.start_deleting(fence, ids, 5.0)
    await store.record_gone(fence, dict.fromkeys(ids, "deleted as settled"), 6.0)


def _routed(message: str) -> RoutedMail:
    bob = ChosenRecipient(ADDRESS, ADDRESS, "it is his mailbox")
    return RoutedMail(message, 1, f"identity of {message}", f"<{message}@x>", "s@x", "here", "why", (bob,))


def _delivered() -> RecipientOutcome:
    return RecipientOutcome(
        address=ADDRESS, status=RecipientStatus.DELIVERED, code="250", text="taken", destination=ADDRESS
    )


def _multiply(url: str) -> None:
    """Make a thousand rows of each of the first thousand mails."""
    database = parse_url(url)
    if database.path is not None:
        engine = sqlite_engine(database.path, begin="BEGIN IMMEDIATE")
    elif database.url is not None:
        engine = postgres_engine(database.url, connections=1)
    else:
        raise ValueError(url)
    with engine.begin() as connection:
        for table in (messages, recipients, claims, journal):
            _copied(connection, table)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    engine.dispose()


def _copied(connection: Connection, table: Table) -> None:
    columns = [column.name for column in table.columns if column.name != "seq"]
    values = [f"{name} || '.' || n" if name in NAMED_ANEW else name for name in columns]
    own = "holder" if table is claims else "id" if table is messages else "message"
    connection.execute(
        text(
            f"{NUMBERS} INSERT INTO {table.name} ({', '.join(columns)}) "  # noqa: S608 - names of our own tables
            f"SELECT {', '.join(values)} FROM {table.name}, numbers WHERE {own} < :first"
        ),
        {"most": FACTOR - 1, "first": f"m{FEW:020d}"},
    )
