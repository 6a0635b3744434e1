"""Many rows in one statement of constant text, so that a batch costs a few round trips and no compilation.

PostgreSQL is passed each column as one array; SQLite is passed keys as one JSON text, and rows as the values
of one prepared statement. Each statement names its columns, in whose order the rows are. The texts are made
from the tables once; values are always parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

Row = Sequence[Any]


class Bulk(ABC):
    """Statements over many rows. Without rows no statement is sent.

    In their texts `t` is the table and `k` the rows given. A subclass says what differs by database: how the
    rows are written and passed, and how rows are deleted and selected by them.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[object, ...], str] = {}

    def insert(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Row],
        *,
        numbered: Sequence[str] = (),
    ) -> None:
        """Insert rows, in their order.

        Each column in `numbered` gets the number of the row of the journal that this transaction inserted
        last, as text with a blank behind it.
        """
        text = self._text(self._insert, table, columns, numbered)
        self._change(connection, text, table, columns, rows)

    def insert_absent(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Insert those rows whose primary key is not there yet; return how many that were."""
        text = self._text(self._insert_absent, table, columns)
        return self._change(connection, text, table, columns, rows)

    def put(self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, replacing those with the same primary key."""
        self._change(connection, self._text(self._put, table, columns), table, columns, rows)

    def update(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Row],
        *,
        numbered: Sequence[str] = (),
    ) -> None:
        """Set `columns`, which begin with the primary key, of rows that are there.

        To each column in `numbered` is appended what `insert` sets it to.
        """
        text = self._text(self._update, table, columns, numbered)
        self._change(connection, text, table, columns, rows)

    def delete(self, connection: Connection, table: Table, keys: Sequence[Row]) -> None:
        """Delete the rows with these primary keys."""
        columns = primary_key(table)
        self._change(connection, self._text(self._delete, table, columns), table, columns, keys)

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
        if not keys:
            return []
        text = self._text(self._select, table, columns, fields)
        if only:
            text = f"{text} WHERE {only}"
        if lock:
            text += self._text(self._lock, table)
        return self._fetch(connection, text, table, columns, keys)

    @property
    @abstractmethod
    def last_number(self) -> str:
        """The number of the row of the journal that this transaction inserted last, as an expression."""

    @abstractmethod
    def together(self, connection: Connection) -> AbstractContextManager[None]:
        """Send what is inserted, put, updated or deleted inside without waiting for each statement.

        All of it is written, or an error raised, when this is left. Nothing is selected inside.
        """

    @abstractmethod
    def _change(
        self, connection: Connection, text: str, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Execute the statement with these rows, if any; return how many rows it changed."""

    @abstractmethod
    def _fetch(
        self, connection: Connection, text: str, table: Table, columns: Sequence[str], keys: Sequence[Row]
    ) -> Sequence[Row]:
        """Execute the statement with these keys; return what it selects."""

    @abstractmethod
    def _values(self, table: Table, columns: Sequence[str]) -> str:
        """The given rows, to be inserted."""

    @abstractmethod
    def _rows(self, table: Table, columns: Sequence[str]) -> str:
        """The given rows, as the table `k`."""

    @abstractmethod
    def _given(self, columns: Sequence[str]) -> Sequence[str]:
        """What these columns are called in `_rows`."""

    @abstractmethod
    def _delete(self, table: Table, columns: Sequence[str]) -> str: ...

    @abstractmethod
    def _select(self, table: Table, columns: Sequence[str], fields: Sequence[str]) -> str: ...

    @abstractmethod
    def _lock(self, table: Table) -> str:
        """The end of a selection whose rows are locked."""

    def _text(self, make: Callable[..., str], table: Table, *names: Sequence[str]) -> str:
        """Return `make(table, *names)`, made before or now."""
        named = (make, table.name, *map(tuple, names))
        text = self._texts.get(named)
        if text is None:
            text = self._texts[named] = make(table, *names)
        return text

    def _insert(self, table: Table, columns: Sequence[str], numbered: Sequence[str] = ()) -> str:
        if numbered:
            number = f", {self.last_number} || ' '" * len(numbered)
            given = f"SELECT k.*{number} FROM {self._rows(table, columns)}"  # noqa: S608 - names of our own tables
            return f"INSERT INTO {table.name} ({', '.join([*columns, *numbered])}) {given}"
        return f"INSERT INTO {table.name} ({', '.join(columns)}) {self._values(table, columns)}"

    def _insert_absent(self, table: Table, columns: Sequence[str]) -> str:
        return f"{self._insert(table, columns)} ON CONFLICT ({', '.join(primary_key(table))}) DO NOTHING"

    def _put(self, table: Table, columns: Sequence[str]) -> str:
        keys = primary_key(table)
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
        return f"{self._insert(table, columns)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"

    def _update(self, table: Table, columns: Sequence[str], numbered: Sequence[str]) -> str:
        keys = primary_key(table)
        given = dict(zip(columns, self._given(columns), strict=True))
        changed = {name: value for name, value in given.items() if name not in keys}
        changed |= {name: f"t.{name} || {self.last_number} || ' '" for name in numbered}
        changes = ", ".join(f"{name} = {value}" for name, value in changed.items())
        same = " AND ".join(f"t.{name} = {given[name]}" for name in keys)
        return f"UPDATE {table.name} AS t SET {changes} FROM {self._rows(table, columns)} WHERE {same}"  # noqa: S608 - names of our own tables


@cache
def primary_key(table: Table) -> tuple[str, ...]:
    """Return the names of the primary key's columns."""
    return tuple(column.name for column in table.primary_key)
