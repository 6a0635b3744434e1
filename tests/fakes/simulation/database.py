"""The real SQL on SQLite in memory, with one transaction per effect. It can be backed up and restored."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Concatenate

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from shared.adapters.sql.bulk_sqlite import SqliteBulk
from shared.adapters.sql.engine import Database
from shared.adapters.sql.repository import Change, Given, Result
from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable
from tests.fakes.simulation.process import Process


class MemoryDatabase:
    """An empty database with the schema."""

    def __init__(self) -> None:
        self._raw = sqlite3.connect(":memory:", isolation_level=None)
        _template().backup(self._raw)
        engine = create_engine("sqlite+pysqlite://", creator=lambda: self._raw, poolclass=StaticPool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        self._connection: Connection = engine.connect()
        self._bulk = SqliteBulk()

    def transact(self, change: Change[Result]) -> Result:
        """Commit `change` and return its result."""
        with self._connection.begin():
            return change(Transaction(self._connection, self._bulk))

    def rows(self, query: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query of the test."""
        return self._raw.execute(query, parameters).fetchall()

    def backup(self) -> sqlite3.Connection:
        """Return a copy of the database."""
        copy = sqlite3.connect(":memory:")
        self._raw.backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """Replace the contents by those of the copy."""
        copy.backup(self._raw)

    def close(self) -> None:
        self._connection.close()
        self._raw.close()


class ProcessTransactions:
    """The transactions of one process, each at its turn. Without a process they run at once."""

    def __init__(self, database: MemoryDatabase, process: Process | None) -> None:
        self._database = database
        self._process = process

    async def write(
        self,
        change: Callable[Concatenate[Transaction, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        named_after = given[0] if given and callable(given[0]) else change
        what = f"write {getattr(named_after, '__name__', 'change').lstrip('_')}"
        return await self._run(what, lambda transaction: change(transaction, *given, **named))

    async def read(self, query: Change[Result]) -> Result:
        return await self._run("read", query)

    async def close(self, within: float = 0) -> None:
        """Nothing to close."""

    async def _run(self, what: str, change: Change[Result]) -> Result:
        if self._process is None:
            return self._database.transact(change)
        return await self._process.effect(
            what,
            lambda: self._database.transact(change),
            lambda: StoreUnavailable("the database is unavailable"),
        )


def store_of(database: MemoryDatabase, process: Process | None = None) -> SqlStore:
    """The store as `process` sees it."""
    return SqlStore(ProcessTransactions(database, process), Database(path=Path("memory")))


@cache
def _template() -> sqlite3.Connection:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        upgrade(f"sqlite://{path}")
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        with sqlite3.connect(path) as made:
            made.backup(copy)
        made.close()
        return copy
