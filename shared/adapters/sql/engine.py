"""The database that a URL names, and engines for SQLite whose connections behave as the store needs.

`sqlite:///var/lib/mailferry.db` names a file by its absolute path, as URLs do; `sqlite:mailferry.db` is
relative.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from shared.adapters.sqlite_file import real_file
from shared.model.errors import ConfigurationError
from shared.model.file_url import path_in_url
from shared.ports.store import StoreUnavailable

BUSY_SECONDS = 10.0
"""Seconds that SQLite waits for another process's lock."""
CACHE_KIB = 32768
STATEMENTS_KEPT = 512
"""Statements that a connection to SQLite keeps prepared: each text comes in several lengths."""
KEYS_ONLY = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
"""The settings of PostgreSQL's planner that are off in transactions, as they look up a few keys in large
tables."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where the store is: a PostgreSQL URL, or the path of a SQLite file."""

    url: URL | None = None
    path: Path | None = None

    def __str__(self) -> str:
        if self.url is None:
            return f"SQLite file {self.path}"
        host = self.url.host or "the local socket"
        return f"PostgreSQL at {host}:{self.url.port or 5432}, database {self.url.database}"


def parse_url(text: str) -> Database:
    """Return the database that `text` names.

    Raises `ConfigurationError`, which does not repeat the URL, as it may hold a password.
    """
    scheme = text.partition(":")[0]
    if scheme == "sqlite":
        try:
            path = path_in_url(text, "sqlite:", "sqlite:///absolute/path or sqlite:relative/path")
        except ValueError as error:
            raise ConfigurationError([f"store url: {error}"]) from None
        if path.endswith("/"):
            raise ConfigurationError(["store url: it names a directory, not a file"])
        return Database(path=Path(path).absolute())
    if scheme in {"postgresql", "postgres"}:
        try:
            url = make_url(text).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError):
            raise ConfigurationError(
                ["store url: not of the form postgresql://user:password@host:port/database"]
            ) from None
        if not url.database:
            raise ConfigurationError(["store url: the name of the PostgreSQL database is missing"])
        return Database(url=url)
    raise ConfigurationError(["store url: expected sqlite:///path or postgresql://host/database"])


def allow_scans(connection: Connection) -> None:
    """Let the rest of the transaction read whole tables, see `KEYS_ONLY`."""
    if connection.dialect.name == "postgresql":
        for setting in KEYS_ONLY:
            connection.exec_driver_sql(f"SET LOCAL {setting} = on")


def sqlite_engine(path: Path, *, begin: str, connections: int = 1, create: bool = False) -> Engine:
    """Return an engine whose transactions start with `begin`; a commit has reached the disk when it returns.

    The file has to exist unless `create` is set, so that a wrong path is an error and not an empty store.
    """
    name = f"{path.as_uri()}?mode={'rwc' if create else 'rw'}"
    _bind_values_unchanged()

    def connect() -> sqlite3.Connection:
        real_file(path)
        if create:
            _create_private_file(path)
        return sqlite3.connect(
            name,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
            cached_statements=STATEMENTS_KEPT,
        )

    engine = create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=QueuePool, pool_size=connections, max_overflow=0
    )
    event.listen(engine, "connect", _prepare_sqlite)

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", start)
    return engine


def _create_private_file(path: Path) -> None:
    """Create a file that no other user can read: it says who had mail from whom. SQLite gives the files
    beside it the same mode.
    """
    with contextlib.suppress(OSError):  # the connection reports it better
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _bind_values_unchanged() -> None:
    """Register adapters for null, truth values and octets.

    For each such value the driver would search type and value for a method that neither has, which costs more
    than all else about binding it.
    """
    sqlite3.register_adapter(type(None), _unchanged)
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(bytes, bytes)


def _unchanged(value: None) -> None:
    return value


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreUnavailable(
            f"the SQLite file lies on a file system that allows no write-ahead log (mode {mode})"
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def check_file(path: Path, *, create: bool = False) -> None:
    """Raise `StoreUnavailable` where SQLite could not write, with a sentence that says what to do."""
    directory = path.parent
    if not directory.is_dir():
        raise StoreUnavailable(f"the directory {directory} of the SQLite file does not exist")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreUnavailable(f"the directory {directory} of the SQLite file is not writable for this user")
    if not path.exists() and not create:
        raise StoreUnavailable(f"the SQLite file {path} does not exist: `mailferry db upgrade` creates it")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnavailable(f"the SQLite file {path} is not readable and writable for this user")
