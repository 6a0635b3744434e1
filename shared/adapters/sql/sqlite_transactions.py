"""SQLite: one writer, and what waits to be written at the same time is committed together.

The writer is a thread. Readers have connections of their own and see what was committed last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Concatenate

from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk_sqlite import SqliteBulk
from shared.adapters.sql.calls import CLOSING, DEADLINE, Threads
from shared.adapters.sql.engine import Database, sqlite_engine
from shared.adapters.sql.repository import Change, Given, Result
from shared.adapters.sql.sqlite_group import told_of
from shared.adapters.sql.sqlite_thread import WriterThread
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable

READERS = 2


class SqliteTransactions:
    """Transactions on a SQLite file."""

    def __init__(self, database: Database, deadline: float = DEADLINE) -> None:
        if database.path is None:
            raise ValueError("not a SQLite database")
        self._database = database
        self._bulk = SqliteBulk()
        self._writer = WriterThread(database, deadline)
        self._reading = sqlite_engine(database.path, begin="BEGIN", connections=READERS)
        self._readers = Threads(READERS, "sqlite-read", str(database), deadline)
        self._closed = False

    async def write(
        self,
        change: Callable[Concatenate[Transaction, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """Hand `change` to the writer."""
        if self._closed:
            raise StoreUnavailable(f"{self._database} is closed")
        result: Result = await self._writer.write(lambda transaction: change(transaction, *given, **named))
        return result

    async def read(self, query: Change[Result]) -> Result:
        """Run `query` on a connection for reading."""
        if self._closed:
            raise StoreUnavailable(f"{self._database} is closed")
        result: Result = await self._readers.run(lambda _call: self._read(query))
        return result

    async def close(self, within: float = CLOSING) -> None:
        """Write what is waiting, then end."""
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(self._writer.close(within), self._readers.close(within))
        self._reading.dispose()

    def _read(self, query: Change[Result]) -> Result:
        try:
            with self._reading.begin() as connection:
                return query(Transaction(connection, self._bulk))
        except DBAPIError as error:
            raise told_of(error, self._database) from error
