"""PostgreSQL through the driver itself, for statements that SQLAlchemy need not translate.

A statement costs several times as much by way of SQLAlchemy. One that is waited for costs a round trip, and
the interpreter lock has to be won back. Errors are SQLAlchemy's.
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
        # Encoded, as the driver's types accept only literal text; ours is made of names of our own tables.
        # Without parameters it is never prepared: several statements cannot be.
        return driver.execute(statement.encode(), parameters, prepare=None if parameters else False)
    except psycopg.Error as error:
        raise _sqlalchemy_error(connection, driver, statement, error) from error


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Send statements executed inside without waiting for each. Their results are known only at the end,
    where all have succeeded.
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
                # The driver does not see it: it would warn that it ignores what follows from it.
                failed = error
    except psycopg.Error as error:
        if failed is None:
            raise _sqlalchemy_error(connection, driver, "statements sent together", error) from error
    if failed is not None:
        raise failed


def discard(connection: Connection, error: BaseException) -> None:
    """Do not use the connection again, nor those of its age, which will be lost as well."""
    # SQLAlchemy does this for statements of its own and has no public name for it.
    connection.engine.pool._invalidate(connection.connection, error)
    connection.invalidate(error)


def driver_of(connection: Connection) -> Driver:
    """Return the driver's connection under `connection`."""
    driver: object = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("not a connection to PostgreSQL")
    return driver


def _sqlalchemy_error(
    connection: Connection, driver: Driver, statement: str, error: psycopg.Error
) -> BaseException:
    """SQLAlchemy's error for one of the driver."""
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
