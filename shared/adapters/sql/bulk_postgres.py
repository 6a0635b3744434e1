"""`Bulk` on PostgreSQL: each column travels as one array, so that one statement serves any number of rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Boolean, Connection, Double, Integer, LargeBinary, Table

from shared.adapters.sql.bulk import Row, Texts, inserted, primary_key

ARRAYS = {
    BigInteger: "bigint[]",
    Integer: "integer[]",
    Double: "double precision[]",
    Boolean: "boolean[]",
    LargeBinary: "bytea[]",
}


class PostgresBulk:
    """Statements over many rows for PostgreSQL."""

    def __init__(self) -> None:
        self._texts = Texts()

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, in their order."""
        self._many(connection, rows, self._texts.get(_insert, table))

    def insert_absent(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert those rows whose primary key is not there yet."""
        self._many(connection, rows, self._texts.get(_insert_absent, table))

    def put(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows, replacing those with the same primary key."""
        self._many(connection, rows, self._texts.get(_put, table))

    def update(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Set `columns`, which begin with the primary key, of rows that are there."""
        self._many(connection, rows, self._texts.get(_update, table, *columns))

    def delete(self, connection: Connection, table: Table, keys: Sequence[Row]) -> None:
        """Delete the rows with these primary keys."""
        self._many(connection, keys, self._texts.get(_delete, table))

    def select(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        keys: Sequence[Row],
        *,
        only: str = "",
        lock: bool = False,
    ) -> Sequence[Row]:
        """All rows where `columns` have one of the values in `keys`, see `Bulk.select`."""
        if not keys:
            return []
        text = self._texts.get(_select, table, *columns)
        if only:
            text = f"{text} WHERE {only}"
        if lock:
            text += self._texts.get(_lock, table)
        return connection.exec_driver_sql(text, _arrays(keys)).all()

    def _many(self, connection: Connection, rows: Sequence[Row], text: str) -> None:
        if rows:
            connection.exec_driver_sql(text, _arrays(rows))


def _arrays(rows: Sequence[Row]) -> tuple[list[object], ...]:
    return tuple(map(list, zip(*rows, strict=True)))


def _unnest(table: Table, columns: Sequence[str]) -> str:
    arrays = ", ".join(f"%s::{_array(table, name)}" for name in columns)
    return f"unnest({arrays}) AS k({', '.join(columns)})"


def _array(table: Table, column: str) -> str:
    kind = table.columns[column].type
    return next((name for type_, name in ARRAYS.items() if isinstance(kind, type_)), "text[]")


def _insert(table: Table) -> str:
    columns = inserted(table)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM {_unnest(table, columns)}"  # noqa: S608 - names of our own tables


def _insert_absent(table: Table) -> str:
    return f"{_insert(table)} ON CONFLICT ({', '.join(primary_key(table))}) DO NOTHING"


def _put(table: Table) -> str:
    keys = primary_key(table)
    changes = ", ".join(f"{name} = excluded.{name}" for name in inserted(table) if name not in keys)
    return f"{_insert(table)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"


def _update(table: Table, *columns: str) -> str:
    keys = primary_key(table)
    changes = ", ".join(f"{name} = k.{name}" for name in columns[len(keys) :])
    return f"UPDATE {table.name} AS t SET {changes} FROM {_unnest(table, columns)} WHERE {_same(keys)}"  # noqa: S608 - names of our own tables


def _delete(table: Table) -> str:
    keys = primary_key(table)
    return f"DELETE FROM {table.name} AS t USING {_unnest(table, keys)} WHERE {_same(keys)}"  # noqa: S608 - names of our own tables


def _same(columns: Sequence[str]) -> str:
    return " AND ".join(f"t.{name} = k.{name}" for name in columns)


def _select(table: Table, *columns: str) -> str:
    fields = ", ".join(f"t.{column.name}" for column in table.columns)
    return f"SELECT {fields} FROM {_unnest(table, columns)} JOIN {table.name} AS t ON {_same(columns)}"  # noqa: S608 - names of our own tables


def _lock(table: Table) -> str:
    order = ", ".join(f"t.{name}" for name in primary_key(table))
    return f" ORDER BY {order} FOR UPDATE OF t"
