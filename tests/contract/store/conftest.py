"""The store on every database: one suite for SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event

from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import SqlStore, open_store
from tests.fakes.database import write_empty_database
from tests.fakes.mail_lives import Lives
from tests.fakes.sqlite_steps import Steps
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import Postgres

POOLED = "postgresql behind pgbouncer"


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    write_empty_database(path)
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """The URL of a database with the schema, to be emptied before each test."""
    url = postgres.create_database()
    upgrade(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql", POOLED])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    kind: str = request.param
    return kind


@pytest.fixture
def url(request: pytest.FixtureRequest, database: str) -> str:
    """An empty database with the schema."""
    if database == "sqlite":
        path = request.getfixturevalue("tmp_path") / "mailferry.db"
        shutil.copy(request.getfixturevalue("empty_sqlite"), path)
        return f"sqlite://{path}"
    postgres_url: str = request.getfixturevalue("migrated_postgres")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "TRUNCATE accounts, hosts, host_facts, pauses, outages, notices, catch_alls, target_facts,"
            " suppressions,"
            " skipped, messages, recipients, claims, journal, specs, oauth_apps, oauth_grants, secrets,"
            " usage, users, api_tokens, sessions, audit, idempotency_keys, webhooks, webhook_states, events,"
            " webhook_deliveries, connect_links, authorizations, login_tests, imports, import_rows,"
            " recovery_codes"
        )
        connection.execute("UPDATE registry SET revision = 0")
        connection.execute(
            "UPDATE epoch SET number = 1, mark = 0, paused_since = NULL, reason = NULL, pruned_until = 0,"
            " seen_at = NULL, copies_since = NULL"
        )
    if database != POOLED:
        return postgres_url
    pgbouncer: PgBouncer = request.getfixturevalue("pgbouncer")
    return pgbouncer.url(postgres_url)


@pytest.fixture
async def another(url: str) -> AsyncIterator[Callable[[], SqlStore]]:
    """Opens further stores on the same database, as other processes do."""
    opened: list[SqlStore] = []

    def open_another() -> SqlStore:
        opened.append(open_store(url))
        return opened[-1]

    yield open_another
    for store in opened:
        await store.close()


@pytest.fixture
def store(another: Callable[[], SqlStore]) -> SqlStore:
    """The store under test."""
    return another()


@pytest.fixture
async def lives(store: SqlStore) -> Lives:
    """Mails in the store, in an account that is leased."""
    lives = Lives(store)
    await lives.lease()
    return lives


@pytest.fixture
def steps() -> Iterator[Steps]:
    """Counts for all connections that are opened."""
    steps = Steps()
    event.listen(Engine, "connect", steps.watch)
    yield steps
    event.remove(Engine, "connect", steps.watch)
