"""Many rows in one statement of constant text, so that a batch costs a few round trips and no compilation.

PostgreSQL is passed each column as one array; SQLite is passed keys as one JSON text, and rows as the values
of one prepared statement. Each statement names its columns, in whose order the rows are. The texts are made
from the tables once; values are always parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Connection, Table

Row = Sequence[Any]


class Bulk(Protocol):
    """Statements over many rows. Without rows no statement is sent."""

    def insert(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Insert rows, in their order."""
        ...

    def insert_absent(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Insert those rows whose primary key is not there yet; return how many that were."""
        ...

    def put(self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
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
        fields: Sequence[str],
        only: str = "",
        lock: bool = False,
    ) -> Sequence[Row]:
        """Return the `fields` of all rows where `columns` have one of the values in `keys`.

        `only` is a constant condition about `t` that has to hold, too. With `lock`, nobody else changes the
        rows until the end of the transaction; they are locked in the order of their primary keys.
        """
        ...

    def together(self, connection: Connection) -> AbstractContextManager[None]:
        """Send what is inserted, put, updated or deleted inside without waiting for each statement.

        All of it is written, or an error raised, when this is left. Nothing is selected inside.
        """
        ...


class Texts:
    """Statement texts, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], str] = {}

    def get(self, make: Callable[..., str], table: Table, *columns: str) -> str:
        """Return `make(table, *columns)`, made before or now."""
        named = (make, table.name, *columns)
        if named not in self._made:
            self._made[named] = make(table, *columns)
        return self._made[named]


@cache
def primary_key(table: Table) -> tuple[str, ...]:
    """Return the names of the primary key's columns."""
    return tuple(column.name for column in table.primary_key)
