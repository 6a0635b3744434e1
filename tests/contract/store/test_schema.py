"""Migrations bring the schema up to date from any revision, also where several processes start at once."""

from __future__ import annotations

import multiprocessing
import warnings
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.schema import CreateIndex

from shared.adapters.sql.indexes import INDEXES
from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.sql.tables import metadata
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.errors import ConfigurationError

SQLITE_ONLY = frozenset({"messages_unsettled"})
"""Alembic does not look at which database an index is for."""
OF_EXPRESSIONS = frozenset({"messages_sender"})
"""SQLAlchemy cannot read indexes of expressions from SQLite, so their statements are compared."""


async def test_the_migrations_make_the_tables_that_the_store_knows(store: SqlStore) -> None:
    def differences(transaction: Transaction) -> list[object]:
        connection = transaction.connection
        other = SQLITE_ONLY if connection.dialect.name != "sqlite" else OF_EXPRESSIONS

        def belongs_here(_object: object, name: str | None, *_more: object) -> bool:
            return name not in other

        context = MigrationContext.configure(connection, opts={"include_object": belongs_here})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*expression-based index 'messages_sender'")
            warnings.filterwarnings("ignore", ".*expression-based index messages_sender")
            return [*compare_metadata(context, metadata), *_other_expressions(transaction)]

    assert {index for table in metadata.tables.values() for index in table.indexes} == set(INDEXES)
    assert await store.runner.read(differences) == []


def _other_expressions(transaction: Transaction) -> list[str]:
    """The indexes of expressions that SQLite has otherwise than the store knows them."""
    connection = transaction.connection
    if connection.dialect.name != "sqlite":
        return []
    there = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")
    made = {row.name: row.sql for row in there}
    known = {str(each.name): str(CreateIndex(each).compile(connection)) for each in INDEXES}
    return [name for name in OF_EXPRESSIONS if _words(made.get(name, "")) != _words(known[name])]


def _words(statement: str) -> list[str]:
    return statement.replace("messages.", "").replace("IF NOT EXISTS ", "").split()


async def test_an_upgrade_of_a_current_schema_changes_nothing(url: str, store: SqlStore) -> None:
    await store.fetcher.sync_accounts([], 0)
    upgrade(url)
    await store.check()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_several_processes_upgrade_at_once(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite://{tmp_path}/new.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=upgrade, args=(url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    store = open_store(url)
    await store.check()
    await store.close()


def test_a_new_database_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    upgrade(f"sqlite://{path}")
    made = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    assert set(made.values()) == {0o600}


def test_an_upgrade_needs_a_url_that_can_be_understood() -> None:
    with pytest.raises(ConfigurationError):
        upgrade("mysql://host/mail")
