"""Group commit on SQLite: a commit is one wait for the disk, however many changes are in it.

This differs from other batching: the changes are made by one thread in one transaction, and none is durable
before the commit. So a group takes in the changes that are queued, and those that arrive meanwhile only for a
short time. Each change runs in a savepoint of its own, so that one that fails undoes only itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk_sqlite import SqliteBulk, driver_of, execute
from shared.adapters.sql.calls import Outcome
from shared.adapters.sql.engine import Database, check_file, sqlite_engine
from shared.adapters.sql.failures import meaning
from shared.adapters.sql.runner import Change
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable

LARGEST_GROUP = 64
GROUP_SECONDS = 0.02
"""Seconds after which a group takes in no more: several times what a commit waits for a quick disk."""


class GroupCommit:
    """Writes to a database file. `clock` gives monotonic seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        if database.path is None:
            raise ValueError("not a SQLite database")
        self._database = database
        self._clock = clock
        self._bulk = SqliteBulk()
        self._engine = sqlite_engine(database.path, begin="BEGIN IMMEDIATE")

    def run(self, first: Change[Any], following: Callable[[], Change[Any] | None]) -> list[Outcome]:
        """Run `first` and the changes that `following` returns, up to the limits of a group; commit once.

        `following` returns None where there is none. Returns one outcome for each change, in their order.
        What succeeded is durable; where the commit failed, nothing succeeded.
        """
        outcomes: list[Outcome] = []
        begun, until = 1, self._clock() + GROUP_SECONDS
        try:
            with self._engine.begin() as connection:
                change: Change[Any] | None = first
                while change is not None:
                    outcomes.append(self._run(connection, change))
                    change = following() if begun < LARGEST_GROUP and self._clock() < until else None
                    begun += change is not None
        except BaseException as error:  # noqa: BLE001 - the callers get it, and the next group may succeed
            reported = error_for_caller(error, self._database)
            return [each if each.error else Outcome(error=reported) for each in _filled(outcomes, begun)]
        return outcomes

    def close(self) -> None:
        """Give the connection back."""
        self._engine.dispose()

    def _run(self, connection: Connection, change: Change[Any]) -> Outcome:
        """Run a change; raise only where the transaction as a whole has ended."""
        try:
            with _savepoint(connection):
                return Outcome(change(Transaction(connection, self._bulk)))
        except Exception as error:
            if not _is_alive(connection):
                raise
            return Outcome(error=error_for_caller(error, self._database))


def error_for_caller(error: BaseException, database: Database) -> BaseException:
    """Return the error that the caller is to see."""
    if not isinstance(error, DBAPIError) or database.path is None:
        return error
    try:
        check_file(database.path)
    except StoreUnavailable as better:
        return better
    return meaning(error, str(database)) or error


def _filled(outcomes: list[Outcome], begun: int) -> list[Outcome]:
    """One outcome for each change begun; the last may have none yet."""
    return [*outcomes, *[Outcome()] * (begun - len(outcomes))]


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """Undo what was done inside where it fails, and nothing else."""
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
    """Whether the transaction goes on. SQLite ends it by itself after a full disk and some other errors."""
    return driver_of(connection).in_transaction
