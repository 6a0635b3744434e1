"""Find the real file of a SQLite database, and refuse one with several names.

SQLite keeps its journal beside the name by which the file was opened. Two processes that open one file by
two names do not see each other's journal and destroy the file. A symbolic link is harmless, as it is
resolved first. A hard link is not.
"""

from __future__ import annotations

from pathlib import Path

from shared.model.errors import Fault
from shared.ports.store.errors import StoreUnavailable


class HardLinked(StoreUnavailable):
    """The database file has a second name by which another process could open it."""

    temporary = False
    fault = Fault.OPERATOR


class Unresolvable(StoreUnavailable):
    """The name of the database leads to no file."""

    temporary = False
    fault = Fault.OPERATOR


def real_file(path: Path) -> Path:
    """Return the file without symbolic links. It need not exist. Raises `HardLinked` and `Unresolvable`."""
    try:
        real = path.resolve()
        names = real.stat().st_nlink if real.exists() else 1
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its symbolic links lead in a circle"
        raise Unresolvable(f"the SQLite file {path} cannot be found: {reason}") from error
    if names > 1:
        raise HardLinked(
            f"the SQLite file {real} has {names} names (hard links); used by two names it would be "
            "destroyed. End what uses it, then remove the other names (`find DIRECTORY -samefile FILE` lists "
            "them); for a copy use `sqlite3 FILE .backup`"
        )
    return real
