"""`mailferry db copy`: a database with mail in all states moves from SQLite to PostgreSQL and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select

from shared.adapters.sql import open_store, upgrade
from shared.adapters.sql.tables import accounts, metadata, schema_compatibility, secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.message import MessageStatus, RecipientStatus
from shared.model.spec import Kind, Manager
from shared.ports.store import ANY, Schedule, SpecChange
from tests.fakes.command import Ended, mailferry
from tests.fakes.mail_lives import BOB, EVE, Lives
from tests.servers.ferry import Ferry

INFRASTRUCTURE = 'metrics.listen = ""\nrelay.helo_name = "ferry.corp.example"'
TARGET = """
[[targets]]
name = "exchange"
url = "smtps://me@mail.corp.example"
password = "secret"
"""


def configuration(directory: Path, name: str, url: str, more: str = "") -> Path:
    path = directory / f"{name}.toml"
    path.touch(mode=0o600)
    path.write_text(f'store.url = "{url}"\nblobs.url = "file:blobs"\n{INFRASTRUCTURE}\n{more}')
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    return url


async def fill(url: str) -> None:
    """Mails in all states, a registry, and what else there is."""
    store = open_store(url)
    lives = Lives(store)
    await lives.lease()
    await lives.fetched("fetched")
    await lives.routed("routed")
    await lives.settled("settled")
    await lives.routed("two", BOB, EVE)
    parked = await lives.routed("parked")
    await lives.park(parked)
    await store.maintenance.advance_mark(lives.now, 0.0)
    change = SpecChange(
        Kind.ACCOUNT,
        "acme/box",
        "acme",
        {"name": "box", "note": "grüß"},
        True,
        Manager.COMMAND,
        "",
        ANY,
        schedule=Schedule("acme/box", 60.0, enabled=True),
    )
    await store.registry.save_specs([change], lives.now)
    await store.runner.write(_fill_the_rest)
    await store.close()


def _fill_the_rest(transaction: Transaction) -> None:
    """A row in each table that has none yet, as none may be left behind; secrets need a key, see below."""
    execute = transaction.connection.execute
    values: dict[type, object] = {str: "grüß", int: 7, float: 1.5, bool: True, bytes: b"\0\xff"}
    for table in metadata.sorted_tables:
        if table is not secrets and execute(select(table).limit(1)).first() is None:
            execute(
                insert(table).values({each.name: values[each.type.python_type] for each in table.columns})
            )


def _everything(transaction: Transaction) -> dict[str, list[tuple[object, ...]]]:
    """All rows; leases are left out, and so is what migrations write."""
    execute = transaction.connection.execute
    found = {}
    for table in metadata.sorted_tables:
        if table is schema_compatibility:
            continue
        columns = [
            each
            for each in table.columns
            if each.table is not accounts or each.name not in {"lease_owner", "lease_until", "ready_at"}
        ]
        found[table.name] = sorted([tuple(row) for row in execute(select(*columns))], key=repr)
    return found


async def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    store = open_store(url)
    try:
        return await store.runner.read(_everything)
    finally:
        await store.close()


def key_beside(directory: Path) -> Path:
    (key,) = directory.glob("*key*")
    return key


async def copied(source: Path, target: Path) -> Ended:
    return await mailferry("db", "copy", source, target)


async def test_everything_comes_along_to_postgresql_and_back(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    await fill(sqlite_url)
    before = await everything(sqlite_url)
    assert [table for table, rows in before.items() if not rows] == ["secrets"]
    first = configuration(tmp_path, "first", sqlite_url, 'broker.url = "amqp://127.0.0.1"')
    second = configuration(tmp_path, "second", postgres_url, 'broker.url = "amqp://127.0.0.1"')
    ended = await copied(first, second)
    assert ended.code == 0, ended.err
    assert await everything(postgres_url) == before
    back = configuration(tmp_path, "back", f"sqlite://{tmp_path}/back.db", 'broker.url = "amqp://127.0.0.1"')
    ended = await copied(second, back)
    assert ended.code == 0, ended.err
    assert await everything(f"sqlite://{tmp_path}/back.db") == before


async def test_the_new_database_goes_on_where_the_old_one_ended(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    await fill(sqlite_url)
    first = configuration(tmp_path, "first", sqlite_url)
    ended = await copied(first, configuration(tmp_path, "second", postgres_url))
    assert ended.code == 0, ended.err
    assert "in flight will be fetched again" in ended.out
    store = open_store(postgres_url)
    epoch = await store.maintenance.epoch()
    assert (epoch.paused_since, epoch.mark) == (None, 1)
    lives = Lives(store)
    rows = {each.key.uid: each for each in await store.fetcher.ledger_rows("acme/box")}
    assert rows["settled"].status is MessageStatus.SETTLED, "kept mail is known, and not delivered anew"
    assert rows["fetched"].status is MessageStatus.LOST, "its event went with the process"
    assert await lives.status(rows["parked"].message) is RecipientStatus.PARKED
    await lives.lease()
    await lives.settled("a new one")
    assert await lives.is_sound()
    assert await store.operator.verify_journal() == []
    await store.close()


async def test_a_source_in_use_and_a_target_that_is_not_empty_are_refused(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    await fill(sqlite_url)
    first = configuration(tmp_path, "first", sqlite_url)
    second = configuration(tmp_path, "second", postgres_url)
    with Ferry(tmp_path, first.read_text()) as ferry:
        running = ferry.start().ready()
        refused = await copied(first, second)
        assert refused.code != 0
        assert "another mailferry works on this database" in refused.err
        assert running.terminate() == 0
    assert (await copied(first, second)).code == 0
    refused = await copied(first, second)
    assert refused.code != 0
    assert "is not empty" in refused.err
    store = open_store(postgres_url)
    await store.check()
    refused = await copied(second, configuration(tmp_path, "back", f"sqlite://{tmp_path}/back.db"))
    assert refused.code != 0
    assert "is in use (1 connections of Mailferry)" in refused.err
    await store.close()
    with closing(sqlite3.connect(tmp_path / "back.db")) as back:
        assert back.execute("SELECT count(*) FROM messages").fetchone() == (0,)


async def test_an_interrupted_copy_leaves_nothing_behind(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    await fill(sqlite_url)
    upgrade(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE specs ADD CONSTRAINT full_disk CHECK (revision < 0)")
    first = configuration(tmp_path, "first", sqlite_url)
    second = configuration(tmp_path, "second", postgres_url)
    assert (await copied(first, second)).code != 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        connection.execute("ALTER TABLE specs DROP CONSTRAINT full_disk")
    assert (await copied(first, second)).code == 0


async def test_the_key_of_the_secrets_has_to_be_named(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    first = configuration(tmp_path, "first", sqlite_url, TARGET)
    assert (await mailferry("apply", "-c", first)).code == 0
    second = configuration(tmp_path, "second", postgres_url)
    refused = await copied(first, second)
    assert refused.code != 0
    assert "name it in its [secrets] key_file" in refused.err
    key = key_beside(tmp_path)
    second = configuration(tmp_path, "second", postgres_url, f'secrets.key_file = "{key}"')
    ended = await copied(first, second)
    assert ended.code == 0, ended.err
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT field FROM secrets").fetchall() == [("password",)]


async def test_one_database_under_two_names_and_other_blobs_are_refused(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    first = configuration(tmp_path, "first", sqlite_url)
    assert "the same database" in (await copied(first, first)).err
    elsewhere = configuration(tmp_path, "second", postgres_url)
    elsewhere.write_text(elsewhere.read_text().replace("file:blobs", "file:elsewhere"))
    assert "blobs are not copied" in (await copied(first, elsewhere)).err
