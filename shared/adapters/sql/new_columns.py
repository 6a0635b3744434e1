"""Which columns the database has: the schema of the release before lacks some.

A column is to be removed from here with the first release whose `PREVIOUS` revision has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, inspect

NEW: Mapping[str, frozenset[str]] = {
    "accounts": frozenset({"state", "began"}),
    "messages": frozenset({"object_id"}),
}
"""The columns that the schema of the release before lacks, by table."""
_FOUND: WeakKeyDictionary[Engine, dict[str, frozenset[str]]] = WeakKeyDictionary()
"""What each database was found to have: a column does not go away while a process runs."""


def new_account_columns(connection: Connection) -> frozenset[str]:
    """Return those of the new columns of `accounts` that are there."""
    return _new_columns(connection, "accounts")


def has_object_ids(connection: Connection) -> bool:
    """Return whether messages have object ids."""
    return "object_id" in _new_columns(connection, "messages")


def _new_columns(connection: Connection, table: str) -> frozenset[str]:
    """Return the new columns of the table that are there. They are looked for at each call until all are."""
    of_tables = _FOUND.setdefault(connection.engine, {})
    found = of_tables.get(table, frozenset())
    if found != NEW[table]:
        found = NEW[table].intersection(each["name"] for each in inspect(connection).get_columns(table))
        of_tables[table] = found
    return found
