"""PostgreSQL through the driver itself, for what SQLAlchemy has nothing to translate in.

A statement costs several times as much by way of SQLAlchemy, and one that is waited for costs a round trip
and, as threads take turns in the interpreter, a fight for it. Errors are SQLAlchemy's all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Driver = psycopg.Connection[tuple[Any, ...]]


def execute(
    connection: Connection, statement: str, parameters: Sequence[str] | None = None
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Execute one statement in the transaction of `connection`, or several if there are no parameters."""
    driver = driver_of(connection)
    try:
        # The driver's types take text only where it is a literal; ours is made of names of our own tables.
        # Without parameters it is never prepared, as several statements cannot be.
        return driver.execute(statement.encode(), parameters, prepare=None if parameters else False)
    except psycopg.Error as error:
        raise _as_sqlalchemy_has_it(connection, driver, statement, error) from error


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Statements executed inside are sent without waiting for each; they have all succeeded after it, and
    only then is known what they did.
    """
    driver = driver_of(connection)
    if driver.info.pipeline_status:  # inside another: that one waits for all
        yield
        return
    failed: DBAPIError | None = None
    try:
        with driver.pipeline():
            try:
                yield
            except DBAPIError as error:
                # Kept from the driver, which would warn that it ignores what follows from it.
                failed = error
    except psycopg.Error as error:
        if failed is None:
            raise _as_sqlalchemy_has_it(connection, driver, "statements sent together", error) from error
    if failed is not None:
        raise failed


def discard(connection: Connection, error: BaseException) -> None:
    """Do not use the connection again, nor those of its age, as they will have met the same end."""
    # What SQLAlchemy does for statements of its own, and offers no other name for.
    connection.engine.pool._invalidate(connection.connection, error)
    connection.invalidate(error)


def driver_of(connection: Connection) -> Driver:
    """The driver's connection under `connection`."""
    driver: object = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("not a connection to PostgreSQL")
    return driver


def _as_sqlalchemy_has_it(
    connection: Connection, driver: Driver, statement: str, error: psycopg.Error
) -> BaseException:
    """Its error for the driver's."""
    lost = driver.closed or driver.broken
    if lost:
        discard(connection, error)
    return DBAPIError.instance(
        statement,
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=connection.dialect,
    )
