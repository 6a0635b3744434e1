"""Whether the database has the column `accounts.state`: the schema of the release before lacks it.

To be removed with the first release whose `PREVIOUS` revision has the column.
"""

from __future__ import annotations

from weakref import WeakSet

from sqlalchemy import Connection, Engine, inspect

_WITH_STATE: WeakSet[Engine] = WeakSet()
"""Databases that have it: a column does not go away while a process runs."""


def has_account_state(connection: Connection) -> bool:
    """Return whether an account's state can be kept. It is looked for at each call until it is there."""
    engine = connection.engine
    if engine not in _WITH_STATE:
        if all(column["name"] != "state" for column in inspect(connection).get_columns("accounts")):
            return False
        _WITH_STATE.add(engine)
    return True
