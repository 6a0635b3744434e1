"""How much work SQLite does."""

from __future__ import annotations

import sqlite3


class Steps:
    """Counts the steps of SQLite's virtual machine, which are the same on every machine and in every run."""

    def __init__(self) -> None:
        self._count = 0
        self.of: dict[str, int] = {}

    def watch(self, connection: sqlite3.Connection, _record: object) -> None:
        """Count the steps of this connection."""
        connection.set_progress_handler(self._step, 1)

    def note(self, name: str) -> None:
        """Attribute the steps since the last note to `name`."""
        self.of[name], self._count = self._count, 0

    def _step(self) -> int:
        self._count += 1
        return 0
