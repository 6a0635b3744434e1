"""`Bulk` on SQLite: many rows go into one statement, keys into one JSON text.

A statement releases the interpreter lock at each step, and has to win it back from the event loop. So up to
128 rows are bound at a time. Portions have the sizes of powers of two: that makes few different texts, which
stay prepared.

There are no row locks and none are needed: a writing transaction begins with the database's only write lock.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import chain

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk import Row, Texts, primary_key

VALUES = "{values}"
LARGEST_PORTION = 128


class SqliteBulk:
    """Statements over many rows for SQLite."""

    def __init__(self) -> None:
        self._texts = Texts()

    def insert(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Insert rows, in their order."""
        self._many(connection, _insert, table, columns, rows)

    def insert_absent(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Insert those rows whose primary key is not there yet; return how many that were."""
        return self._many(connection, _insert_absent, table, columns, rows)

    def put(self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, replacing those with the same primary key."""
        self._many(connection, _put, table, columns, rows)

    def update(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Set `columns`, which begin with the primary key, of rows that are there."""
        self._many(connection, _update, table, columns, rows)

    def delete(self, connection: Connection, table: Table, keys: Sequence[Row]) -> None:
        """Delete the rows with these primary keys."""
        self._many(connection, _delete, table, primary_key(table), keys)

    def select(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        keys: Sequence[Row],
        *,
        fields: Sequence[str],
        only: str = "",
        lock: bool = False,
    ) -> Sequence[Row]:
        """Return fields of all rows where `columns` have one of the values in `keys`, see `Bulk.select`."""
        if not keys:
            return []
        wanted = [key[0] for key in keys] if len(columns) == 1 else [*map(list, keys)]
        text = self._texts.get(_select, table, " ".join(fields), *columns)
        if only:
            text = f"{text} WHERE {only}"
        return execute(connection, text, (json.dumps(wanted, ensure_ascii=False),)).fetchall()

    def together(self, _connection: Connection) -> AbstractContextManager[None]:
        """Do nothing: there is no round trip to be saved."""
        return nullcontext()

    def _many(
        self,
        connection: Connection,
        make: Callable[..., str],
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Row],
    ) -> int:
        """Execute the statement of `make` with `rows` in place of its `{values}`; return how many rows it
        changed.
        """
        text = self._texts.get(make, table, *columns)
        changed = 0
        for portion in _portions(rows):
            statement = _repeated(text, len(columns), len(portion))
            changed += execute(connection, statement, tuple(chain.from_iterable(portion))).rowcount
        return changed


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


def _insert(table: Table, *columns: str) -> str:
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {VALUES}"  # noqa: S608 - names of our own tables


def _insert_absent(table: Table, *columns: str) -> str:
    return f"{_insert(table, *columns)} ON CONFLICT ({', '.join(primary_key(table))}) DO NOTHING"


def _put(table: Table, *columns: str) -> str:
    keys = primary_key(table)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    return f"{_insert(table, *columns)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"


def _update(table: Table, *columns: str) -> str:
    keys = primary_key(table)
    changes = ", ".join(f"{name} = k.column{n}" for n, name in enumerate(columns, 1) if name not in keys)
    same = " AND ".join(f"{table.name}.{name} = k.column{n}" for n, name in enumerate(keys, 1))
    return f"UPDATE {table.name} SET {changes} FROM (VALUES {VALUES}) AS k WHERE {same}"  # noqa: S608 - names of our own tables


def _delete(table: Table, *columns: str) -> str:
    return f"DELETE FROM {table.name} WHERE ({', '.join(columns)}) IN (VALUES {VALUES})"  # noqa: S608 - names of our own tables


def _select(table: Table, names: str, *columns: str) -> str:
    """`names` are those of the fields, with spaces between them."""
    fields = ", ".join(f"t.{name}" for name in names.split())
    if len(columns) == 1:
        condition = f"t.{columns[0]} = k.value"
    else:
        condition = " AND ".join(
            f"t.{name} = json_extract(k.value, '$[{n}]')" for n, name in enumerate(columns)
        )
    return f"SELECT {fields} FROM json_each(?) AS k CROSS JOIN {table.name} AS t ON {condition}"  # noqa: S608 - names of our own tables
