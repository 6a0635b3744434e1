"""Which columns of `accounts` the database has: the schema of the release before lacks some.

A column is to be removed from here with the first release whose `PREVIOUS` revision has it.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, inspect

NEW = frozenset({"state", "began"})
"""The columns that the schema of the release before lacks."""
_FOUND: WeakKeyDictionary[Engine, frozenset[str]] = WeakKeyDictionary()
"""What each database was found to have: a column does not go away while a process runs."""


def new_account_columns(connection: Connection) -> frozenset[str]:
    """Return those of the columns `NEW` that are there. They are looked for at each call until all are."""
    engine = connection.engine
    found = _FOUND.get(engine, frozenset())
    if found != NEW:
        found = NEW.intersection(column["name"] for column in inspect(connection).get_columns("accounts"))
        _FOUND[engine] = found
    return found
