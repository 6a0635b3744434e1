"""SQLite: one thread writes, and what waits to be written at the same time is committed together.

A commit is one wait for the disk, whatever is in it. So the writer takes every change that is
waiting, runs each in a savepoint of its own, and commits once: a change that fails undoes only
itself. Readers have connections of their own and see what was committed last.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk_sqlite import SqliteBulk, driver_of, execute
from shared.adapters.sql.engine import Database, check_file, sqlite_engine
from shared.adapters.sql.failures import meaning
from shared.adapters.sql.part import Change, Result
from shared.adapters.sql.work import Transaction
from shared.ports.store import StoreUnavailable

AT_ONCE = 64
READERS = 2


class Waiting:
    """A change that waits to be made, and whom to tell."""

    def __init__(self, change: Change[Any]) -> None:
        self.change = change
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """Hand the result over, in the event loop; nobody may be waiting for it any more."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class SqliteTransactions:
    """Transactions on a SQLite file."""

    def __init__(self, database: Database) -> None:
        if database.path is None:
            raise ValueError("not a SQLite database")
        self._database = database
        self._path = database.path
        self._bulk = SqliteBulk()
        self._engine = sqlite_engine(self._path, begin="BEGIN IMMEDIATE")
        self._reading = sqlite_engine(self._path, begin="BEGIN", connections=READERS)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_until_closed, name="sqlite-write", daemon=True)
        self._closed = False
        self._writer.start()

    async def write(self, change: Change[Result]) -> Result:
        """Hand `change` to the writer."""
        if self._closed:
            raise StoreUnavailable(f"{self._database} is closed")
        waiting = Waiting(change)
        self._queue.put(waiting)
        result: Result = await waiting.future
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
        self._queue.put(None)
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._writer.join()
        self._readers.shutdown()
        self._engine.dispose()
        self._reading.dispose()

    def _read(self, query: Change[Result]) -> Result:
        try:
            with self._reading.begin() as connection:
                return query(Transaction(connection, self._bulk))
        except DBAPIError as error:
            raise self._told(error) from error

    def _write_until_closed(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            try:
                with self._engine.begin() as connection:
                    self._run_group(connection, group)
            except BaseException as error:  # noqa: BLE001 - whoever waits has to hear of it, and the writer goes on
                self._fail(group, error)
            _tell(group)
        self._refuse_the_rest()

    def _run_group(self, connection: Connection, group: list[Waiting]) -> None:
        """Run the first and whatever else is waiting by then; `group` grows."""
        for waiting in group:
            self._run(connection, waiting)
            if len(group) < AT_ONCE and (following := self._next()) is not None:
                group.append(following)

    def _run(self, connection: Connection, waiting: Waiting) -> None:
        try:
            with _savepoint(connection):
                waiting.result = waiting.change(Transaction(connection, self._bulk))
        except Exception as error:
            waiting.error = self._told(error)
            if not _is_alive(connection):
                raise

    def _next(self) -> Waiting | None:
        try:
            following = self._queue.get_nowait()
        except Empty:
            return None
        if following is None:
            self._queue.put(None)
        return following

    def _fail(self, group: Sequence[Waiting], error: BaseException) -> None:
        told = self._told(error)
        for waiting in group:
            if waiting.error is None:
                waiting.error = told

    def _told(self, error: BaseException) -> BaseException:
        """The error as the caller is to see it."""
        if not isinstance(error, DBAPIError):
            return error
        try:
            check_file(self._path)
        except StoreUnavailable as better:
            return better
        return meaning(error, str(self._database)) or error

    def _refuse_the_rest(self) -> None:
        while (late := self._next()) is not None:
            late.error = StoreUnavailable(f"{self._database} is closed")
            _tell([late])


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """Undo what was done inside if it fails, and nothing else."""
    execute(connection, "SAVEPOINT change")
    try:
        yield
    except BaseException:
        if _is_alive(connection):
            execute(connection, "ROLLBACK TO change")
            execute(connection, "RELEASE change")
        raise
    execute(connection, "RELEASE change")


def _is_alive(connection: Connection) -> bool:
    """Whether the transaction goes on: on a full disk and some other errors SQLite ends it by itself."""
    return driver_of(connection).in_transaction


def _tell(group: Sequence[Waiting]) -> None:
    """One wake-up for each event loop that waits."""
    for loop in {waiting.loop for waiting in group}:
        those = [waiting for waiting in group if waiting.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, those)


def _tell_all(group: Sequence[Waiting]) -> None:
    for waiting in group:
        waiting.tell()
