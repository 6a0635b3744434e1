"""A whole database is copied into another one, of the same or of the other kind.

All of it is one transaction of the new database, so a copy that ends early leaves nothing behind. Both have
the schema of this release: a column that only a newer one knows would be lost. The epoch comes along, so the
new database is the same one to whoever compares it with the backup marker, and deletion is not paused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Table, func, inspect, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.bulk import Bulk, Row, primary_key
from shared.adapters.sql.bulk_sqlite import SqliteBulk
from shared.adapters.sql.calls import MAINTENANCE
from shared.adapters.sql.engine import Database, allow_scans, check_file, parse_url, sqlite_engine
from shared.adapters.sql.failures import meaning
from shared.adapters.sql.schema import check_own_revision, upgrade
from shared.adapters.sql.tables import accounts, epoch, journal, metadata, registry, schema_compatibility
from shared.model.errors import Fault, MailferryError

AT_ONCE = 1000
"""Rows that are read and written at a time; a row has up to some 2 KiB."""
LOCK_PATIENCE = 30
"""Seconds to wait for transactions under way: those of Mailferry take milliseconds."""
MADE_BY_MIGRATIONS = (epoch, registry, schema_compatibility)
"""Tables that have a row in every database."""
OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND application_name = 'mailferry'"
)


class NotCopied(MailferryError):
    """One of the databases is not as it has to be for a copy. Nothing was written."""

    temporary = False
    fault = Fault.OPERATOR


def copy_database(source: str, target: str, now: float, progress: Callable[[str, int, int], None]) -> int:
    """Copy the database at `source` into the empty one at `target`, and return the number of rows.

    `progress` is told the table, and how many rows of how many were copied. The caller makes sure that no
    process works on a SQLite file. Leases of accounts are left out.

    Raises `NotCopied`, `ConfigurationError`, `StoreUnavailable` and `SchemaOutdated`.
    """
    old, new = parse_url(source), parse_url(target)
    if old == new:
        raise NotCopied(
            f"both configurations name the same database ({old}); if MAILFERRY_STORE__URL is set, it is in "
            "force for both of them"
        )
    upgrade(target)
    with _reading(old, now) as reading:
        check_own_revision(reading, str(old))
        with _writing(new) as (writing, bulk):
            check_own_revision(writing, str(new))
            _check_empty(writing, str(new))
            return _copy_tables(reading, writing, bulk, progress)


@contextmanager
def _reading(database: Database, now: float) -> Iterator[Connection]:
    """A transaction that sees the state of one moment, while nobody changes anything."""
    with _transaction(database, "BEGIN IMMEDIATE") as connection:
        if database.url is not None:
            _check_unused(connection, str(database), now)
        yield connection


@contextmanager
def _writing(database: Database) -> Iterator[tuple[Connection, Bulk]]:
    with _transaction(database, "BEGIN IMMEDIATE") as connection:
        if database.url is None:
            yield connection, SqliteBulk()
            return
        from shared.adapters.sql.bulk_postgres import PostgresBulk  # noqa: PLC0415 - SQLite does without the driver

        yield connection, PostgresBulk()


@contextmanager
def _transaction(database: Database, sqlite_begin: str) -> Iterator[Connection]:
    engine = _engine(database, sqlite_begin)
    try:
        with engine.begin() as connection:
            if database.url is not None:
                from shared.adapters.sql.postgres_engine import READING, begin  # noqa: PLC0415 - as above

                begin(connection, READING, MAINTENANCE)
                allow_scans(connection)
            yield connection
    except DBAPIError as error:
        raise meaning(error, str(database)) or error from error
    finally:
        engine.dispose()


def _engine(database: Database, sqlite_begin: str) -> Engine:
    if database.path is not None:
        check_file(database.path)
        return sqlite_engine(database.path, begin=sqlite_begin)
    if database.url is None:
        raise ValueError("neither SQLite nor PostgreSQL")
    from shared.adapters.sql.postgres_engine import postgres_engine  # noqa: PLC0415 - as above

    return postgres_engine(database.url, connections=1, deadline=MAINTENANCE)


def _check_unused(connection: Connection, database: str, now: float) -> None:
    """Keep others from writing to PostgreSQL until the end of the transaction. Raises `NotCopied`."""
    # The locks come first, so that the state that is seen is the one that nobody changes.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}s'")
    names = ", ".join(sorted(metadata.tables))
    connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")
    held = select(func.count()).where(accounts.c.lease_owner.is_not(None), accounts.c.lease_until > now)
    if others := connection.execute(OTHERS).scalar_one():
        raise NotCopied(f"{database} is in use ({others} connections of Mailferry); end its processes first")
    if leased := connection.execute(held).scalar_one():
        raise NotCopied(
            f"{database} is in use ({leased} accounts are being visited); end its processes first. After a "
            "crash, wait until their leases have run out"
        )


def _check_empty(connection: Connection, database: str) -> None:
    for table in metadata.sorted_tables:
        if table in MADE_BY_MIGRATIONS:
            continue
        if connection.execute(select(table.c[primary_key(table)[0]]).limit(1)).first() is not None:
            raise NotCopied(f"{database} is not empty (it has {table.name}); name a new one")


def _copy_tables(
    reading: Connection, writing: Connection, bulk: Bulk, progress: Callable[[str, int, int], None]
) -> int:
    tables = metadata.sorted_tables
    _check_complete(reading)
    total = sum(reading.execute(select(func.count()).select_from(each)).scalar_one() for each in tables)
    copied = 0
    for table in tables:
        if table in MADE_BY_MIGRATIONS:
            writing.execute(table.delete())
        columns = [each.name for each in table.columns]
        progress(table.name, copied, total)
        for rows in _portions(reading, table):
            bulk.insert(writing, table, columns, rows)
            copied += len(rows)
            progress(table.name, copied, total)
    writing.execute(update(accounts).values(lease_owner=None, lease_until=None, ready_at=accounts.c.due_at))
    if writing.dialect.name == "postgresql":
        highest = func.coalesce(func.max(journal.c.seq), 0) + 1
        sequence = func.pg_get_serial_sequence(journal.name, journal.c.seq.name)
        writing.execute(select(func.setval(sequence, highest, False)).select_from(journal))
    return copied


def _check_complete(reading: Connection) -> None:
    """Raise `NotCopied` where the database has a table that would be left behind."""
    known = {*metadata.tables, "alembic_version"}
    if unknown := sorted({*inspect(reading).get_table_names()} - known):
        raise NotCopied(f"the database has tables that are not Mailferry's: {', '.join(unknown)}")


def _portions(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """All rows in the order of their primary key, in portions that cost the same wherever they are."""
    keys = [table.c[name] for name in primary_key(table)]
    places = [[*table.columns].index(key) for key in keys]
    query = select(table).order_by(*keys).limit(AT_ONCE)
    last: list[object] | None = None
    while True:
        after = query if last is None else query.where(tuple_(*keys) > tuple_(*last))
        rows: list[Row] = [tuple(row) for row in connection.execute(after)]
        if not rows:
            return
        yield rows
        last = [rows[-1][place] for place in places]
