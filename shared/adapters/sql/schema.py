"""The schema's revisions: Alembic migrations that are shipped in the package and need no configuration file.

A release works with its own revision. It also works with a newer one where the database says so: `upgrade`
notes the oldest revision whose processes can go on. So the processes of two releases can run side by side
once the schema is upgraded; see docs/decisions/schema-by-expand-and-contract.md.

A migration's file begins with its revision. So a start that finds the schema up to date, as nearly all do,
does not import Alembic, which takes longer than everything else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from shared.adapters.sql.calls import DEADLINE, MAINTENANCE
from shared.adapters.sql.engine import Database, check_file, parse_url, sqlite_engine
from shared.adapters.sql.failures import meaning
from shared.adapters.sql.tables import schema_compatibility
from shared.model.progress import Progress, no_progress
from shared.ports.store import SchemaOutdated

MIGRATIONS = Path(__file__).parent / "migrations"
PREVIOUS = "0011"
"""The newest revision of the release before, whose processes work with this one's newest revision. To be
raised with the first migration of each release.
"""
MIGRATION_LOCK = 0x6D61696C
"""The advisory lock under which PostgreSQL's schema is changed. SQLite's write lock does the same there."""
ONLY_ROW = 1


def upgrade(url: str, progress: Progress = no_progress) -> None:
    """Bring the schema at `url` to the newest revision; several processes may do it at once. `progress` is
    told each revision that is reached.

    A newer schema that this release can work with is left as it is. Raises `ConfigurationError`,
    `StoreUnavailable`, and `SchemaOutdated` for a newer schema that it cannot work with.
    """
    database = parse_url(url)
    engine = _engine(database)
    try:
        with engine.begin() as connection:
            _upgrade(connection, str(database), progress)
    except DBAPIError as error:
        raise meaning(error, str(database)) or error from error
    finally:
        engine.dispose()


def check_revision(connection: Connection, database: str) -> None:
    """Raise `SchemaOutdated` where this release cannot work with the schema of `database`."""
    current = current_revision(connection)
    if current is None:
        raise SchemaOutdated(f"{database} has no Mailferry schema yet: run `mailferry db upgrade`")
    if current in known_revisions():
        if current < newest_revision():
            raise SchemaOutdated(
                f"{database} has schema {current} and needs {newest_revision()}: run `mailferry db upgrade`"
            )
        return
    oldest = _oldest_compatible(connection)
    if oldest is None or newest_revision() < oldest:
        raise SchemaOutdated(
            f"{database} has schema {current}, which comes from a newer Mailferry: upgrade Mailferry"
        )


def check_own_revision(connection: Connection, database: str) -> None:
    """Raise `SchemaOutdated` where the schema is not exactly the one of this release.

    Writing whole tables anew would empty the columns that only a newer release knows.
    """
    check_revision(connection, database)
    current = current_revision(connection)
    if current != newest_revision():
        raise SchemaOutdated(
            f"{database} has schema {current} and this Mailferry {newest_revision()}: this command needs the "
            "Mailferry and the schema of one release"
        )


def check_writable(connection: Connection) -> None:
    """Provoke PostgreSQL's error where it allows only reading, by a statement that changes nothing."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("UPDATE epoch SET mark = mark WHERE false")


def current_revision(connection: Connection) -> str | None:
    """Return the schema's revision; None for a database without one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


@cache
def known_revisions() -> frozenset[str]:
    """Return all revisions that this release can upgrade from, and its newest."""
    return frozenset(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


@cache
def newest_revision() -> str:
    """Return the revision to which this release brings a database."""
    return max(known_revisions())


def _oldest_compatible(connection: Connection) -> str | None:
    """The oldest newest revision of a release that can work with this database, as `upgrade` noted it."""
    if not inspect(connection).has_table(schema_compatibility.name):
        return None
    return connection.execute(select(schema_compatibility.c.oldest)).scalar()


def _engine(database: Database) -> Engine:
    if database.path is not None:
        check_file(database.path, create=True)
        return sqlite_engine(database.path, begin="BEGIN IMMEDIATE", create=True)
    if database.url is None:
        raise ValueError("neither SQLite nor PostgreSQL")
    # The driver takes long to import, and SQLite does without.
    from shared.adapters.sql.postgres_engine import postgres_engine  # noqa: PLC0415

    return postgres_engine(database.url, connections=1, deadline=DEADLINE)


def _upgrade(connection: Connection, database: str, progress: Progress) -> None:
    if connection.dialect.name == "postgresql":
        from shared.adapters.sql.postgres_engine import WRITING, begin  # noqa: PLC0415 - see `_engine`

        begin(connection, WRITING, MAINTENANCE)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    current = current_revision(connection)
    if current == newest_revision():
        return
    if current is not None and current not in known_revisions():
        check_revision(connection, database)
        return
    missing = sum(each > (current or "") for each in known_revisions())
    _migrate(connection, missing, progress)
    connection.execute(schema_compatibility.delete())
    connection.execute(schema_compatibility.insert().values(id=ONLY_ROW, oldest=PREVIOUS))


def _migrate(connection: Connection, missing: int, progress: Progress) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's beginning
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    applied = 0

    def note(**_step: object) -> None:
        nonlocal applied
        applied += 1
        progress("Schema revisions applied", applied, missing)

    configuration.attributes["on_version_apply"] = note
    command.upgrade(configuration, "head")
