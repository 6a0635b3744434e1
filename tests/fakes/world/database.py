"""The real SQL on SQLite in memory, one transaction per turn. A backup can be made and restored."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from shared.adapters.sql.bulk_sqlite import SqliteBulk
from shared.adapters.sql.engine import Database
from shared.adapters.sql.runner import Change, Result
from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable
from tests.fakes.world.process import Process


class MemoryDatabase:
    """A database with an empty schema."""

    def __init__(self) -> None:
        self._raw = sqlite3.connect(":memory:", isolation_level=None)
        _template().backup(self._raw)
        engine = create_engine("sqlite+pysqlite://", creator=lambda: self._raw, poolclass=StaticPool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        self._connection: Connection = engine.connect()
        self._bulk = SqliteBulk()

    def transact(self, change: Change[Result]) -> Result:
        """Return what `change` returns, once it is committed."""
        with self._connection.begin():
            return change(Transaction(self._connection, self._bulk))

    def rows(self, query: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query of the test's own."""
        return self._raw.execute(query, parameters).fetchall()

    def backup(self) -> sqlite3.Connection:
        """Return a copy of everything."""
        copy = sqlite3.connect(":memory:")
        self._raw.backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """Replace everything by a backup."""
        copy.backup(self._raw)

    def close(self) -> None:
        self._connection.close()
        self._raw.close()


class TransactionsInTurn:
    """The transactions of one process, each at its turn. Without a process they run at once."""

    def __init__(self, database: MemoryDatabase, process: Process | None) -> None:
        self._database = database
        self._process = process

    async def write(self, change: Change[Result]) -> Result:
        return await self._run(f"write {getattr(change, '__name__', 'change')}", change)

    async def read(self, query: Change[Result]) -> Result:
        return await self._run("read", query)

    async def close(self, within: float = 0) -> None:
        """Do nothing: there is nothing to release."""

    async def _run(self, what: str, change: Change[Result]) -> Result:
        if self._process is None:
            return self._database.transact(change)
        return await self._process.effect(
            what, lambda: self._database.transact(change), lambda: StoreUnavailable("the database is away")
        )


def store_of(database: MemoryDatabase, process: Process | None = None) -> SqlStore:
    """Return the store as `process` sees it."""
    return SqlStore(TransactionsInTurn(database, process), Database(path=Path("memory")))


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
