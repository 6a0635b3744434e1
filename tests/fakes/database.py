"""A SQLite file with the schema, written without the migrations: they cost each new database 0.2 s of CPU."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.adapters.sql.schema import upgrade


def write_empty_database(path: Path) -> None:
    """Write a database as `mailferry db upgrade` leaves it, but for one that is there."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_empty_database())


@cache
def _empty_database() -> bytes:
    """Return the content of the file, made once in each test worker."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        upgrade(f"sqlite://{path}")
        return path.read_bytes()
