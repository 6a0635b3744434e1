"""Commits on SQLite, many changes at a time: a commit is one wait for the disk, whatever is in it.

All wait for the commit, the first that came too, and who waits asks for nothing else meanwhile. So a group
takes in what is there, but not forever what comes while it is being written.

Each change runs in a savepoint of its own, so that one that fails undoes only itself.
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
from shared.adapters.sql.repository import Change
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable

AT_ONCE = 64
LONG_ENOUGH = 0.02
"""Seconds after which a group takes in no more: several times what a commit waits for a quick disk."""


class GroupCommit:
    """The one who writes to a database file. `clock` gives monotonic seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        if database.path is None:
            raise ValueError("not a SQLite database")
        self._database = database
        self._clock = clock
        self._bulk = SqliteBulk()
        self._engine = sqlite_engine(database.path, begin="BEGIN IMMEDIATE")

    def run(self, first: Change[Any], following: Callable[[], Change[Any] | None]) -> list[Outcome]:
        """Run `first` and what `following` gives until there is none or it is enough, and commit once.

        Returns one outcome for each, in their order. What succeeded is durable; where the commit itself
        failed, nothing did.
        """
        outcomes: list[Outcome] = []
        begun, until = 1, self._clock() + LONG_ENOUGH
        try:
            with self._engine.begin() as connection:
                change: Change[Any] | None = first
                while change is not None:
                    outcomes.append(self._run(connection, change))
                    change = following() if begun < AT_ONCE and self._clock() < until else None
                    begun += change is not None
        except BaseException as error:  # noqa: BLE001 - whoever waits has to hear of it, and the next group may fare better
            told = told_of(error, self._database)
            return [each if each.error else Outcome(error=told) for each in _filled(outcomes, begun)]
        return outcomes

    def close(self) -> None:
        """Give the connection back."""
        self._engine.dispose()

    def _run(self, connection: Connection, change: Change[Any]) -> Outcome:
        """Raises only where the transaction as a whole is no more."""
        try:
            with _savepoint(connection):
                return Outcome(change(Transaction(connection, self._bulk)))
        except Exception as error:
            if not _is_alive(connection):
                raise
            return Outcome(error=told_of(error, self._database))


def told_of(error: BaseException, database: Database) -> BaseException:
    """The error as the caller is to see it."""
    if not isinstance(error, DBAPIError) or database.path is None:
        return error
    try:
        check_file(database.path)
    except StoreUnavailable as better:
        return better
    return meaning(error, str(database)) or error


def _filled(outcomes: list[Outcome], begun: int) -> list[Outcome]:
    """One outcome for each change begun: the last of them may have none."""
    return [*outcomes, *[Outcome()] * (begun - len(outcomes))]


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
