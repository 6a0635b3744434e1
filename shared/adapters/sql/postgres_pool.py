"""PostgreSQL: a few threads, each running whole transactions on a connection of a small pool.

A transaction is run again after a conflict, and where its connection broke before the commit was sent, as
when the server was restarted. One whose connection broke while it was committed may have happened or not,
which only the caller can find out; so may one that is given up at its deadline. A session that began while
the server was read-only stays so: it is replaced by a new one.
"""

from __future__ import annotations

import threading

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.adapters.sql.bulk_postgres import PostgresBulk
from shared.adapters.sql.calls import CLOSING, DEADLINE, Call, Threads
from shared.adapters.sql.engine import Database
from shared.adapters.sql.failures import is_conflict, is_lost_connection, is_read_only, meaning
from shared.adapters.sql.postgres_driver import discard, driver_of
from shared.adapters.sql.postgres_engine import (
    READING,
    WRITING,
    begin,
    broken_off_when_late,
    postgres_engine,
)
from shared.adapters.sql.runner import Change, Result
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable

TRIES = 5
PAUSE = 0.02
"""Seconds before the second try; each further pause is longer by as much."""


class PostgresTransactions:
    """Transactions on a PostgreSQL database."""

    def __init__(self, database: Database, connections: int, deadline: float = DEADLINE) -> None:
        if database.url is None:
            raise ValueError("not a PostgreSQL database")
        self._database = database
        self._bulk = PostgresBulk()
        self._deadline = deadline
        self._engine = postgres_engine(database.url, connections, deadline)
        self._threads = Threads(connections, "postgres", str(database), deadline)
        self._closed = False
        self._closing = threading.Event()

    async def write(self, change: Change[Result]) -> Result:
        """Run `change` in a transaction, see `Transactions.write`."""
        return await self._in_thread(change, WRITING)

    async def read(self, query: Change[Result]) -> Result:
        """Run `query` on a snapshot, see `Transactions.read`."""
        return await self._in_thread(query, READING)

    async def close(self, within: float = CLOSING) -> None:
        """Wait for what is under way, then disconnect."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        await self._threads.close(within)
        self._engine.dispose()

    async def _in_thread(self, change: Change[Result], isolation: str) -> Result:
        if self._closed:
            raise StoreUnavailable(f"{self._database} is closed")
        result: Result = await self._threads.run(lambda call: self._run(call, change, isolation))
        return result

    def _run(self, call: Call, change: Change[Result], isolation: str) -> Result:
        for tried in range(1, TRIES + 1):
            attempt = _Attempt()
            try:
                return self._once(call, change, isolation, attempt)
            except DBAPIError as error:
                elsewhere = is_lost_connection(error) or is_read_only(error)
                again = is_conflict(error) or (elsewhere and attempt.may_be_repeated)
                if tried == TRIES or not again or call.is_late:
                    raise meaning(error, str(self._database)) or error from error
            except PoolTimeout as error:
                raise StoreUnavailable(f"{self._database}: no connection became free in time") from error
            self._closing.wait(PAUSE * tried)
        raise AssertionError("unreachable")

    def _once(self, call: Call, change: Change[Result], isolation: str, attempt: _Attempt) -> Result:
        with self._engine.connect() as connection:
            attempt.may_be_repeated = True
            try:
                with (
                    broken_off_when_late(driver_of(connection), call),
                    connection.begin() as transaction,
                ):
                    begin(connection, isolation, call.seconds)
                    result = change(Transaction(connection, self._bulk))
                    attempt.may_be_repeated = False
                    transaction.commit()
                    return result
            except DBAPIError as error:
                if is_read_only(error):
                    discard(connection, error)
                raise


class _Attempt:
    """How far a transaction got.

    It may be repeated from the moment of its connection until its commit is sent.
    """

    may_be_repeated = False
