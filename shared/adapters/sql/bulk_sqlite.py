"""`Bulk` on SQLite: many rows go into one statement, keys into one JSON text.

A statement releases the interpreter lock at each step, and has to win it back from the event loop. So up to
128 rows are bound at a time. Portions have the sizes of powers of two: that makes few different texts, which
stay prepared.

There are no row locks and none are needed: a writing transaction begins with the database's only write lock.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import chain

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk import Bulk, Row

VALUES = "{values}"
LARGEST_PORTION = 128


class SqliteBulk(Bulk):
    """Statements over many rows for SQLite. Their texts hold `VALUES` in place of the rows."""

    last_number = "(SELECT max(seq) FROM journal)"
    """The writer is alone, and SQLite numbers a new row by the highest number there is."""

    def together(self, connection: Connection) -> AbstractContextManager[None]:
        """Do nothing: there is no round trip to be saved."""
        return nullcontext()

    def _change(
        self, connection: Connection, text: str, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        changed = 0
        for portion in _portions(rows):
            statement = _repeated(text, len(columns), len(portion))
            changed += execute(connection, statement, tuple(chain.from_iterable(portion))).rowcount
        return changed

    def _fetch(
        self, connection: Connection, text: str, table: Table, columns: Sequence[str], keys: Sequence[Row]
    ) -> Sequence[Row]:
        wanted = [key[0] for key in keys] if len(columns) == 1 else [*map(list, keys)]
        return execute(connection, text, (json.dumps(wanted, ensure_ascii=False),)).fetchall()

    def _values(self, table: Table, columns: Sequence[str]) -> str:
        return f"VALUES {VALUES}"

    def _rows(self, table: Table, columns: Sequence[str]) -> str:
        return f"(VALUES {VALUES}) AS k"

    def _given(self, columns: Sequence[str]) -> Sequence[str]:
        return [f"k.column{n}" for n in range(1, len(columns) + 1)]

    def _delete(self, table: Table, columns: Sequence[str]) -> str:
        return f"DELETE FROM {table.name} WHERE ({', '.join(columns)}) IN (VALUES {VALUES})"  # noqa: S608 - names of our own tables

    def _select(self, table: Table, columns: Sequence[str], fields: Sequence[str]) -> str:
        wanted = ", ".join(f"t.{name}" for name in fields)
        if len(columns) == 1:
            condition = f"t.{columns[0]} = k.value"
        else:
            condition = " AND ".join(
                f"t.{name} = json_extract(k.value, '$[{n}]')" for n, name in enumerate(columns)
            )
        return f"SELECT {wanted} FROM json_each(?) AS k CROSS JOIN {table.name} AS t ON {condition}"  # noqa: S608 - names of our own tables

    def _lock(self, table: Table) -> str:
        return ""


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    driver: object = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not a connection to SQLite")
    return driver


def execute(connection: Connection, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
    """Execute through the driver, which is several times quicker than through SQLAlchemy.

    Raises SQLAlchemy's errors.
    """
    try:
        return driver_of(connection).execute(statement, parameters)
    except sqlite3.Error as error:
        dialect = connection.dialect
        raise DBAPIError.instance(
            statement, None, error, sqlite3.Error, hide_parameters=True, dialect=dialect
        ) from error


@cache
def _repeated(text: str, width: int, rows: int) -> str:
    """`text` for so many rows. It is kept because the driver finds a prepared statement by its text, whose
    hash is computed once for each text.
    """
    row = f"({', '.join('?' * width)})"
    return text.replace(VALUES, ", ".join([row] * rows))


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start, size = 0, LARGEST_PORTION
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
