"""A process works with a schema that is one revision behind or ahead, so two releases can run together."""

from __future__ import annotations

import ast
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, select, text

from shared.adapters.sql.schema import (
    MIGRATIONS,
    NEEDED,
    PREVIOUS,
    check_revision,
    current_revision,
    newest_revision,
    upgrade,
)
from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.sql.tables import messages
from shared.adapters.sql.unit_of_work import Transaction
from shared.adapters.sql.verification import Unfoldable
from shared.contract.codec import Undecodable
from shared.model.message import MessageStatus, RecipientStatus
from shared.ports.store import SchemaOutdated
from tests.fakes.mail_lives import BOB, EVE, START, Lives

RECORDED = Path(__file__).parent / "recorded" / "schema_0011.sql"
"""A database as the release before left it, with mails in all states: the dump of a SQLite file."""
COPY = "the same content"
NEXT = (
    "ALTER TABLE messages ADD COLUMN later_note TEXT",
    "ALTER TABLE recipients ADD COLUMN later_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE accounts ADD COLUMN later_at DOUBLE PRECISION",
    "ALTER TABLE journal ADD COLUMN later_kind TEXT",
    "ALTER TABLE epoch ADD COLUMN later_at DOUBLE PRECISION",
    "CREATE TABLE later (id INTEGER PRIMARY KEY)",
    "UPDATE alembic_version SET version_num = '9999'",
)
"""What a next release may do to the schema: add columns that may be null or have a default, and tables."""
REMOVING = frozenset({"drop_column", "drop_table", "drop_constraint", "alter_column", "rename_table"})


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/mailferry.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """The recorded database of the release before."""
    path = tmp_path / "recorded.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(RECORDED.read_text())
    connection.close()
    return f"sqlite://{path}"


def engine_of(url: str) -> Engine:
    """An engine without any of the store's settings, as another program would use."""
    if url.startswith("sqlite"):
        return create_engine(url.replace("sqlite://", "sqlite:///"))
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def migrate_to(url: str, revision: str) -> None:
    """Bring a database to `revision`, which is older than the newest."""
    engine = engine_of(url)
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
    engine.dispose()


def upgrade_to_next_release(url: str, oldest: str | None) -> None:
    """Change the schema as the next release may; releases from `oldest` on can work with it."""
    engine = engine_of(url)
    with engine.begin() as connection:
        for statement in NEXT:
            connection.execute(text(statement))
        if oldest is None:
            connection.execute(text("DROP TABLE schema_compatibility"))
        else:
            connection.execute(text("UPDATE schema_compatibility SET oldest = :oldest"), {"oldest": oldest})
    engine.dispose()


async def carry_mails(store: SqlStore) -> None:
    """Make every call that the services make for mails, whichever release the schema is from."""
    lives = Lives(store)
    await store.check(writing=True)
    await lives.lease()
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.routed("uid 2", BOB, EVE, identity=COPY)
    await lives.deliver(first)
    assert await lives.status(second) is RecipientStatus.SUPPRESSED
    await lives.park(await lives.routed("uid 3"))
    await store.fetcher.start_deleting(lives.fence, [first], lives.now)
    await store.fetcher.record_gone(lives.fence, {first: "not listed"}, lives.now)
    await store.maintenance.advance_mark(lives.now)
    assert (await lives.state(first)).status is MessageStatus.GONE
    assert await lives.is_sound()


async def test_a_database_one_revision_ahead_works(empty_url: str) -> None:
    upgrade(empty_url)
    upgrade_to_next_release(empty_url, oldest=newest_revision())
    store = open_store(empty_url)
    await carry_mails(store)
    await store.close()


async def test_an_upgrade_leaves_a_newer_schema_as_it_is(empty_url: str) -> None:
    upgrade(empty_url)
    upgrade_to_next_release(empty_url, oldest=newest_revision())
    upgrade(empty_url)
    store = open_store(empty_url)
    assert await store.runner.read(lambda transaction: current_revision(transaction.connection)) == "9999"
    await store.close()


def before(revision: str) -> str:
    """The revision before this one; numbers may be left out."""
    earlier = ScriptDirectory(str(MIGRATIONS)).get_revision(revision).down_revision
    assert isinstance(earlier, str)
    return earlier


@pytest.mark.parametrize("revision", [PREVIOUS, before(NEEDED)])
async def test_a_database_without_the_registry_has_to_be_upgraded(empty_url: str, revision: str) -> None:
    migrate_to(empty_url, revision)
    store = open_store(empty_url)
    with pytest.raises(SchemaOutdated, match=f"needs {newest_revision()}: run `mailferry db upgrade`"):
        await store.check()
    await store.close()


@pytest.mark.parametrize("oldest", ["9998", None])
async def test_a_newer_schema_that_excludes_this_release_is_refused(
    empty_url: str, oldest: str | None
) -> None:
    upgrade(empty_url)
    upgrade_to_next_release(empty_url, oldest)
    store = open_store(empty_url)
    with pytest.raises(SchemaOutdated, match="newer Mailferry: upgrade Mailferry"):
        await store.check()
    with pytest.raises(SchemaOutdated, match="newer Mailferry: upgrade Mailferry"):
        upgrade(empty_url)
    await store.close()


async def test_tables_are_not_rebuilt_on_the_schema_of_another_release(empty_url: str) -> None:
    upgrade(empty_url)
    store = open_store(empty_url)
    lives = Lives(store)
    await lives.lease()
    settled = await lives.settled("uid 1")
    upgrade_to_next_release(empty_url, oldest=newest_revision())
    await store.runner.write(_note_something_newer)
    with pytest.raises(SchemaOutdated, match="of one release"):
        await store.operator.rebuild_tables()
    assert await store.runner.read(_newer_notes) == [(settled, "kept")]
    await store.close()


async def test_a_journal_entry_of_a_newer_release_loses_nothing(empty_url: str) -> None:
    upgrade(empty_url)
    store = open_store(empty_url)
    lives = Lives(store)
    await lives.lease()
    touched, other = await lives.routed("uid 1"), await lives.routed("uid 2", EVE)
    await store.runner.write(_enter_something_newer, touched)
    with pytest.raises(Undecodable, match=r"journal\.newer"):
        await store.operator.message_journal(touched)
    [difference] = await store.operator.verify_journal()
    assert "cannot be folded: unknown record 'journal.newer'" in difference
    with pytest.raises(Unfoldable, match=r"journal\.newer"):
        await store.operator.rebuild_tables()
    await lives.deliver(touched)
    await lives.deliver(other, EVE)
    assert (await lives.state(touched)).status is MessageStatus.SETTLED
    assert await store.operator.message_journal(other)
    await store.close()


async def test_mails_recorded_by_the_release_before_go_on(recorded: str) -> None:
    upgrade(recorded)
    store = open_store(recorded)
    lives = Lives(store)
    lives.now = START + 3600
    await store.check(writing=True)
    assert await store.operator.verify_journal() == []
    known = {
        state: [
            message.id for message in await store.operator.find_messages(BOB, 100) if message.status == state
        ]
        for state in MessageStatus
    }
    assert {state: len(ids) for state, ids in known.items() if ids} == {
        MessageStatus.ROUTED: 3,
        MessageStatus.SETTLED: 2,
        MessageStatus.DELETING: 1,
        MessageStatus.GONE: 1,
    }
    deferred = next(each for each in await store.operator.find_messages("uid 6", 1))
    [begun] = await lives.begin(deferred.id)
    assert begun.attempt == 2
    await lives.deliver("m000002", EVE)
    assert (await lives.state("m000002")).status is MessageStatus.SETTLED
    assert await store.operator.verify_journal() == []
    assert await store.operator.rebuild_tables() == 8
    assert await store.operator.verify_journal() == []
    await store.close()


def test_migrations_since_the_release_before_only_add() -> None:
    """A migration keeps what the release before uses, and demands no value that it does not know."""
    newer = [path for path in sorted((MIGRATIONS / "versions").glob("[0-9]*.py")) if path.name[:4] > PREVIOUS]
    assert newer
    for path in newer:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = [node.func.attr for node in calls if isinstance(node.func, ast.Attribute)]
        assert not REMOVING.intersection(names), path.name
        for added in (each for each in calls if _name_of(each) == "add_column"):
            column = next(each for each in added.args if isinstance(each, ast.Call))
            given = {each.arg: each.value for each in column.keywords}
            nullable = given.get("nullable")
            may_be_null = not (isinstance(nullable, ast.Constant) and nullable.value is False)
            assert may_be_null or "server_default" in given, path.name


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _note_something_newer(transaction: Transaction) -> None:
    transaction.connection.execute(text("UPDATE messages SET later_note = 'kept'"))


def _newer_notes(transaction: Transaction) -> list[tuple[str, str]]:
    check_revision(transaction.connection, "the test's database")
    query = select(messages.c.id, text("later_note"))
    return [(row[0], row[1]) for row in transaction.connection.execute(query)]


def _enter_something_newer(transaction: Transaction, message: str) -> None:
    transaction.connection.execute(
        text("INSERT INTO journal (message, at, kind, body) VALUES (:message, 0, 'journal.newer', :body)"),
        {"message": message, "body": b"\x93\xadjournal.newer\x01\x80"},
    )
