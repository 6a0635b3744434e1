"""The schema's versions: Alembic migrations shipped in the package, run without a configuration file.

A migration's file begins with its revision. So a start that finds the schema up to date, as nearly all
do, has no need of Alembic, whose import alone takes longer than everything else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.calls import DEADLINE, MAINTENANCE
from shared.adapters.sql.engine import Database, check_file, parse_url, sqlite_engine
from shared.adapters.sql.failures import meaning
from shared.ports.store import SchemaOutdated

MIGRATIONS = Path(__file__).parent / "migrations"
ONE_AT_A_TIME = 0x6D61696C
"""The advisory lock under which PostgreSQL's schema is changed; SQLite's write lock serves the same end."""


def upgrade(url: str) -> None:
    """Bring the schema at `url` to the newest version; several processes may do it at once.

    Raises `ConfigurationError`, `StoreUnavailable`, and `SchemaOutdated` for a schema of a newer Mailferry.
    """
    database = parse_url(url)
    engine = _engine(database)
    try:
        with engine.begin() as connection:
            _upgrade(connection, str(database))
    except DBAPIError as error:
        raise meaning(error, str(database)) or error from error
    finally:
        engine.dispose()


def check_revision(connection: Connection, place: str) -> None:
    """Raises `SchemaOutdated` where the schema is not the one that this Mailferry needs."""
    current = current_revision(connection)
    if current == newest_revision():
        return
    if current is None:
        raise SchemaOutdated(f"{place} has no Mailferry schema yet: run `mailferry db upgrade`")
    if current in known_revisions():
        raise SchemaOutdated(
            f"{place} has schema {current} and needs {newest_revision()}: run `mailferry db upgrade`"
        )
    raise SchemaOutdated(
        f"{place} has schema {current}, which comes from a newer Mailferry: upgrade Mailferry"
    )


def check_writable(connection: Connection) -> None:
    """Provoke PostgreSQL's error where it allows only reading, by a statement that changes nothing."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("UPDATE epoch SET mark = mark WHERE false")


def current_revision(connection: Connection) -> str | None:
    """The schema's version; None for a database without one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


@cache
def known_revisions() -> frozenset[str]:
    """All versions that this Mailferry can upgrade from, and the newest."""
    return frozenset(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newest_revision() -> str:
    """The version that this Mailferry needs."""
    return max(known_revisions())


def _engine(database: Database) -> Engine:
    if database.path is not None:
        check_file(database.path, create=True)
        return sqlite_engine(database.path, begin="BEGIN IMMEDIATE", create=True)
    if database.url is None:
        raise ValueError("neither SQLite nor PostgreSQL")
    # The driver takes long to import, and SQLite does without.
    from shared.adapters.sql.postgres_engine import postgres_engine  # noqa: PLC0415

    return postgres_engine(database.url, connections=1, deadline=DEADLINE)


def _upgrade(connection: Connection, place: str) -> None:
    if connection.dialect.name == "postgresql":
        from shared.adapters.sql.postgres_engine import WRITING, begin  # noqa: PLC0415 - see `_engine`

        begin(connection, WRITING, MAINTENANCE)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    current = current_revision(connection)
    if current == newest_revision():
        return
    if current is not None and current not in known_revisions():
        check_revision(connection, place)
    _migrate(connection)


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's beginning
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
