"""SQLite: one thread writes, and commits together what is queued at the same time.

Readers have connections of their own and see what was committed last.
"""

from __future__ import annotations

import asyncio
import threading
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk_sqlite import SqliteBulk
from shared.adapters.sql.calls import CLOSING, DEADLINE, Call, Outcome, Threads, join_threads, report
from shared.adapters.sql.engine import Database, sqlite_engine
from shared.adapters.sql.runner import Change, Result
from shared.adapters.sql.sqlite_group import GroupCommit, error_for_caller
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

    async def write(self, change: Change[Result]) -> Result:
        """Pass `change` to the writer, see `Transactions.write`."""
        if self._closed:
            raise StoreUnavailable(f"{self._database} is closed")
        result: Result = await self._writer.write(change)
        return result

    async def read(self, query: Change[Result]) -> Result:
        """Run `query` on a connection for reading, see `Transactions.read`."""
        if self._closed:
            raise StoreUnavailable(f"{self._database} is closed")
        result: Result = await self._readers.run(lambda _call: self._read(query))
        return result

    async def close(self, within: float = CLOSING) -> None:
        """Write what is queued, then end."""
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
            raise error_for_caller(error, self._database) from error


class WriterThread:
    """Makes changes in a thread; may be used from several event loops."""

    def __init__(self, database: Database, deadline: float) -> None:
        self._database, self._deadline = database, deadline
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-write", daemon=True)
        self._thread.start()

    async def write(self, change: Change[Any]) -> Any:
        """Return what `change` returned, once it is durable."""
        call = Call(change, str(self._database), self._deadline)
        self._queue.put(call)
        return await call.future

    async def close(self, within: float) -> None:
        """Write what is queued, then end the thread; leave it behind where the disk hangs for longer."""
        self._queue.put(None)
        await join_threads([self._thread], within)

    def _write_until_closed(self) -> None:
        writer = GroupCommit(self._database)
        while (first := self._queue.get()) is not None:
            if first.future.done():
                continue
            group = [first]

            def following(group: list[Call] = group) -> Change[Any] | None:
                joining = self._next_call()
                if joining is not None:
                    group.append(joining)
                return joining.work if joining else None

            outcomes = writer.run(first.work, following)
            report([*zip(group, outcomes, strict=True)])
        writer.close()
        self._refuse_rest()

    def _next_call(self) -> Call | None:
        """The next call that somebody waits for, if one is queued."""
        try:
            while (following := self._queue.get_nowait()) is not None:
                if not following.future.done():
                    return following
        except Empty:
            return None
        self._queue.put(None)
        return None

    def _refuse_rest(self) -> None:
        closed = Outcome(error=StoreUnavailable(f"{self._database} is closed"))
        while (late := self._next_call()) is not None:
            report([(late, closed)])
