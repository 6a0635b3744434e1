"""`Bulk` on PostgreSQL: each column is passed as one array, so that one statement serves any number of rows.

The arrays are literals that are made by few operations on whole columns. The driver would look at each value
by itself, which took more time than everything else together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Double, Integer, LargeBinary, Table, Text
from sqlalchemy.types import TypeEngine

from shared.adapters.sql.bulk import Bulk, Row, primary_key
from shared.adapters.sql.postgres_driver import execute, together

BETWEEN = "\0;"
NULL = "\0N"
"""Safe text holds no NUL, so NUL can mark what separates values until their quotes and backslashes are
escaped."""


def text_array(values: Sequence[str | None]) -> str:
    """Return an array of text; None is null. Raises ValueError for text with NUL, which is not safe."""
    if not values:
        return "{}"
    joined = BETWEEN.join([NULL if value is None else value for value in values])
    if joined.count("\0") != len(values) - 1 + values.count(None):
        raise ValueError("text with NUL in it cannot be stored")
    escaped = joined.replace("\\", "\\\\").replace('"', '\\"').replace(BETWEEN, '","')
    return f'{{"{escaped}"}}'.replace(f'"{NULL}"', "NULL")


def number_array(values: Sequence[float | bool | None]) -> str:
    """Return an array of numbers or truth values, which PostgreSQL and Python write alike; None is null."""
    return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"


def bytes_array(values: Sequence[bytes]) -> str:
    """Return an array of octets."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


Literal = Callable[[Sequence[Any]], str]
ARRAYS: Sequence[tuple[type[TypeEngine[Any]], str, Literal]] = (
    (BigInteger, "bigint[]", number_array),
    (Integer, "integer[]", number_array),
    (Double, "double precision[]", number_array),
    (Boolean, "boolean[]", number_array),
    (LargeBinary, "bytea[]", bytes_array),
    (Text, "text[]", text_array),
)


class PostgresBulk(Bulk):
    """Statements over many rows for PostgreSQL."""

    last_number = "CAST(currval('journal_seq_seq') AS text)"

    def together(self, connection: Connection) -> AbstractContextManager[None]:
        """Send what is written inside without waiting for each statement."""
        return together(connection)

    def _change(
        self, connection: Connection, text: str, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        if not rows:
            return 0
        return execute(connection, text, _arrays(table, columns, rows)).rowcount

    def _fetch(
        self, connection: Connection, text: str, table: Table, columns: Sequence[str], keys: Sequence[Row]
    ) -> Sequence[Row]:
        return execute(connection, text, _arrays(table, columns, keys)).fetchall()

    def _values(self, table: Table, columns: Sequence[str]) -> str:
        return f"SELECT * FROM {self._rows(table, columns)}"  # noqa: S608 - names of our own tables

    def _rows(self, table: Table, columns: Sequence[str]) -> str:
        arrays = ", ".join(f"%s::{_kind(table, name)[0]}" for name in columns)
        return f"unnest({arrays}) AS k({', '.join(columns)})"

    def _given(self, columns: Sequence[str]) -> Sequence[str]:
        return [f"k.{name}" for name in columns]

    def _delete(self, table: Table, columns: Sequence[str]) -> str:
        return f"DELETE FROM {table.name} AS t USING {self._rows(table, columns)} WHERE {_same(columns)}"  # noqa: S608 - names of our own tables

    def _select(self, table: Table, columns: Sequence[str], fields: Sequence[str]) -> str:
        wanted = ", ".join(f"t.{name}" for name in fields)
        return f"SELECT {wanted} FROM {self._rows(table, columns)} JOIN {table.name} AS t ON {_same(columns)}"  # noqa: S608 - names of our own tables

    def _lock(self, table: Table) -> str:
        order = ", ".join(f"t.{name}" for name in primary_key(table))
        return f" ORDER BY {order} FOR UPDATE OF t"


def _arrays(table: Table, columns: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """Each column of `rows` as one literal."""
    literals = _literals(table, tuple(columns))
    return tuple([literal(values) for literal, values in zip(literals, zip(*rows, strict=True), strict=True)])


@cache
def _literals(table: Table, columns: tuple[str, ...]) -> tuple[Literal, ...]:
    """How the values of each column are written. Cached, as there are few such lists of columns."""
    return tuple(_kind(table, name)[1] for name in columns)


def _kind(table: Table, column: str) -> tuple[str, Literal]:
    """How PostgreSQL calls an array of the column's values, and how one is written."""
    kind = table.columns[column].type
    return next((name, literal) for type_, name, literal in ARRAYS if isinstance(kind, type_))


def _same(columns: Sequence[str]) -> str:
    return " AND ".join(f"t.{name} = k.{name}" for name in columns)
