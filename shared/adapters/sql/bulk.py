"""Many rows in one statement of constant text, so that a batch costs a few round trips and no compilation.

`Bulk` is what the rest of the adapter asks for; PostgreSQL passes each column as one array, SQLite
passes keys as one JSON text and rows to one prepared statement. Rows are tuples in the order of the
table's columns, without columns that the database fills in. The texts are made from the tables once,
values are always parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Connection, Table

Row = Sequence[Any]


class Bulk(Protocol):
    """Statements over many rows; none is sent for none."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, in their order."""
        ...

    def insert_absent(self, connection: Connection, table: Table, rows: Sequence[Row]) -> int:
        """Insert those rows whose primary key is not there yet; returns how many that were."""
        ...

    def put(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, replacing those with the same primary key."""
        ...

    def update(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Set `columns`, which begin with the primary key, of rows that are there."""
        ...

    def delete(self, connection: Connection, table: Table, keys: Sequence[Row]) -> None:
        """Delete the rows with these primary keys."""
        ...

    def select(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        keys: Sequence[Row],
        *,
        fields: Sequence[str] = (),
        only: str = "",
        lock: bool = False,
    ) -> Sequence[Row]:
        """All rows where `columns` have one of the values in `keys` and the constant condition `only`
        (about `t`) holds; of each its `fields`, or all.

        With `lock`, nobody else changes them until the end of the transaction; they are locked in their
        keys' order.
        """
        ...

    def together(self, connection: Connection) -> AbstractContextManager[None]:
        """What is inserted, put, updated or deleted inside need not be waited for one by one: all of it is
        written, or an error raised, when this is left. Nothing is asked inside.
        """
        ...


class Texts:
    """Statement texts, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], str] = {}

    def get(self, make: Callable[..., str], table: Table, *columns: str) -> str:
        """`make(table, *columns)`, made before or now."""
        named = (make, table.name, *columns)
        if named not in self._made:
            self._made[named] = make(table, *columns)
        return self._made[named]


@cache
def inserted(table: Table) -> tuple[str, ...]:
    """The columns that an insert gives; the others are filled in by the database."""
    return tuple(column.name for column in table.columns if column.autoincrement is not True)


@cache
def primary_key(table: Table) -> tuple[str, ...]:
    """The names of the primary key's columns."""
    return tuple(column.name for column in table.primary_key)
