"""SQLite: one writer, and what waits to be written at the same time is committed together.

The writer is a thread. Readers have connections of their own and see what was committed last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate

from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk_sqlite import SqliteBulk
from shared.adapters.sql.engine import Database, sqlite_engine
from shared.adapters.sql.part import Change, Given, Result
from shared.adapters.sql.sqlite_group import told_of
from shared.adapters.sql.sqlite_thread import WriterThread
from shared.adapters.sql.work import Transaction
from shared.ports.store import StoreUnavailable

READERS = 2


class SqliteTransactions:
    """Transactions on a SQLite file."""

    def __init__(self, database: Database) -> None:
        if database.path is None:
            raise ValueError("not a SQLite database")
        self._database = database
        self._bulk = SqliteBulk()
        self._writer = WriterThread(database)
        self._reading = sqlite_engine(database.path, begin="BEGIN", connections=READERS)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
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
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    async def close(self) -> None:
        """Write what is waiting, then end."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        self._reading.dispose()

    def _read(self, query: Change[Result]) -> Result:
        try:
            with self._reading.begin() as connection:
                return query(Transaction(connection, self._bulk))
        except DBAPIError as error:
            raise told_of(error, self._database) from error
