"""Each call happens as a whole or not at all, and errors of the database say what an operator can do."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from shared.adapters.sql import sqlite_group
from shared.adapters.sql.calls import Outcome
from shared.adapters.sql.engine import parse_url
from shared.adapters.sql.rows import CLAIM
from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.sqlite_group import GroupCommit
from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.sql.tables import claims, journal
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.adapters.sqlite_file import HardLinked
from shared.contract.journal import Entry
from shared.custody import decide
from shared.ports.store import Schedule, SchemaOutdated, StoreDamaged, StoreUnavailable, whole_journal
from tests.fakes.mail_lives import LEASE, START, Lives, mail
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres


@pytest.fixture
def sqlite_file(empty_sqlite: Path, tmp_path: Path) -> Path:
    """A SQLite file with the schema."""
    path = tmp_path / "mail.db"
    shutil.copy(empty_sqlite, path)
    return path


class Crash(Exception):
    """An error in the middle of a transaction."""


async def names(store: SqlStore) -> list[str]:
    return [entry.wire_name async for entry in whole_journal(store.operator)]


def save(transaction: Transaction, entries: Sequence[Entry]) -> None:
    work = UnitOfWork(transaction)
    for entry in entries:
        work.apply(entry)
    work.save()


def save_and_crash(transaction: Transaction, entry: Entry) -> None:
    work = UnitOfWork(transaction)
    work.apply(entry)
    work.save()
    raise Crash


def nothing(_transaction: Transaction) -> None:
    """A change that changes nothing."""


def empty_journal_and_crash(transaction: Transaction) -> None:
    transaction.connection.execute(journal.delete())
    raise Crash


async def test_a_call_that_fails_in_the_middle_leaves_nothing(lives: Lives, store: SqlStore) -> None:
    (entry,) = decide.record_fetch(None, mail("uid 1"), "acme/box", START, LEASE)
    with pytest.raises(Crash):
        await store.runner.write(save_and_crash, entry)
    assert await names(store) == []
    assert await store.fetcher.ledger_rows("acme/box") == []
    assert await lives.fetched("uid 1")


async def test_calls_that_are_committed_together_fail_alone(lives: Lives, store: SqlStore) -> None:
    await lives.fetched("uid 0")
    calls = [store.runner.write(empty_journal_and_crash) for _ in range(3)]
    mails = [
        lives.store.fetcher.record_fetched(lives.fence, [mail(f"uid {n}")], START, LEASE)
        for n in range(1, 20)
    ]
    results = await asyncio.gather(*mails[:10], *calls, *mails[10:], return_exceptions=True)
    assert sum(isinstance(each, Crash) for each in results) == 3
    assert len(await store.fetcher.ledger_rows("acme/box")) == len(await names(store)) == 20


async def test_a_returned_write_is_visible_to_every_process(
    lives: Lives, another: Callable[[], SqlStore]
) -> None:
    message = await lives.fetched("uid 1")
    assert [row.message for row in await another().fetcher.ledger_rows("acme/box")] == [message]


async def test_a_cancelled_call_harms_no_other(lives: Lives, store: SqlStore) -> None:
    given_up = asyncio.ensure_future(store.fetcher.record_fetched(lives.fence, [mail("uid 1")], START, LEASE))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await lives.fetch(mail("uid 2"))


async def test_a_closed_store_says_so(store: SqlStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.fetcher.next_due()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.fetcher.sync_accounts([], START)


async def test_calls_made_before_closing_are_completed(url: str) -> None:
    store = open_store(url)
    waiting = [store.fetcher.sync_accounts([Schedule("a", 60, enabled=True)], START) for _ in range(3)]
    pending = [asyncio.ensure_future(each) for each in waiting]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)


async def test_a_database_without_the_tables_says_what_to_do(tmp_path: Path, postgres_url: str) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    for url in (f"sqlite://{tmp_path}/empty.db", postgres_url):
        store = open_store(url)
        with pytest.raises(SchemaOutdated, match="mailferry db upgrade"):
            await store.check()
        with pytest.raises(SchemaOutdated, match="mailferry db upgrade"):
            await store.fetcher.next_due()
        await store.close()


async def test_a_server_that_cannot_be_reached_is_named_without_the_password() -> None:
    port = free_port()
    store = open_store(f"postgresql://ferry:canary@127.0.0.1:{port}/mail")
    with pytest.raises(StoreUnavailable, match=rf"PostgreSQL at 127.0.0.1:{port}, database mail") as caught:
        await store.check()
    await store.close()
    assert "canary" not in str(caught.value)


async def test_the_error_for_a_wrong_password_does_not_contain_it(postgres_url: str) -> None:
    store = open_store(postgres_url.replace("mailferry@", "nobody:canary@"))
    with pytest.raises(StoreUnavailable, match="nobody") as caught:
        await store.check()
    await store.close()
    assert "canary" not in str(caught.value)


async def test_a_missing_sqlite_directory_is_named(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/missing/mailferry.db"
    store = open_store(url)
    for call in (store.check, store.maintenance.end_leases):
        with pytest.raises(StoreUnavailable, match=r"directory .*/missing of the SQLite file does not exist"):
            await call()
    await store.close()
    with pytest.raises(StoreUnavailable, match="does not exist"):
        upgrade(url)


async def test_a_sqlite_file_is_not_created_by_a_mistyped_path(tmp_path: Path) -> None:
    store = open_store(f"sqlite://{tmp_path}/typo.db")
    with pytest.raises(StoreUnavailable, match=r"typo\.db does not exist: `mailferry db upgrade` creates it"):
        await store.check()
    await store.close()
    assert not (tmp_path / "typo.db").exists()


async def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mail.db").write_bytes(b"no database at all " * 100)
    url = f"sqlite://{tmp_path}/mail.db"
    store = open_store(url)
    with pytest.raises(StoreDamaged, match=r"not a database.*restore a backup"):
        await store.check()
    await store.close()
    with pytest.raises(StoreDamaged, match="not a database"):
        upgrade(url)


def spoil(file: Path) -> None:
    """Overwrite everything in a database file except its header."""
    data = file.read_bytes()
    file.write_bytes(data[:100] + b"\xa5" * (len(data) - 100))


async def test_a_damaged_file_is_reported_with_advice_and_not_tried_again(sqlite_file: Path) -> None:
    spoil(sqlite_file)
    url = f"sqlite://{sqlite_file}"
    store = open_store(url)
    advice = r"is damaged: .*restore a backup.*\.recover.*journal rebuild.*still at its source"
    for call in (store.check, store.maintenance.end_leases, store.fetcher.next_due):
        with pytest.raises(StoreDamaged, match=advice) as caught:
            await call()
        assert not caught.value.temporary
    await store.close()
    with pytest.raises(StoreDamaged, match=advice):
        upgrade(url)


async def test_a_hard_link_to_the_file_is_never_opened(sqlite_file: Path, tmp_path: Path) -> None:
    (tmp_path / "other.db").hardlink_to(sqlite_file)
    url = f"sqlite://{tmp_path}/other.db"
    store = open_store(url)
    for call in (store.check, store.maintenance.end_leases):
        with pytest.raises(HardLinked):
            await call()
    await store.close()
    with pytest.raises(HardLinked):
        upgrade(url)


async def test_a_sqlite_file_that_another_process_keeps_locked_is_busy(
    sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.sql.engine.BUSY_SECONDS", 0.05)
    store = open_store(f"sqlite://{sqlite_file}")
    await store.check()
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="busy"):
        await store.maintenance.end_leases()
    assert await store.fetcher.next_due() is None
    other.execute("ROLLBACK")
    other.close()
    assert await store.maintenance.end_leases() == 0
    await store.close()


async def test_a_full_disk_is_reported_and_survived(sqlite_file: Path) -> None:
    store = open_store(f"sqlite://{sqlite_file}")

    def limit(transaction: Transaction) -> None:
        pages = transaction.connection.exec_driver_sql("PRAGMA page_count").scalar()
        transaction.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await store.runner.write(limit)
    lives = Lives(store)
    await lives.lease()
    with pytest.raises(StoreUnavailable, match="full"):
        await lives.fetch(*(mail(f"uid {n}") for n in range(2000)))
    assert await names(store) == []
    assert await lives.fetched("uid 1")
    await store.close()


async def test_waiting_writes_share_one_commit(sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"sqlite://{sqlite_file}")
    groups: list[int] = []
    run = GroupCommit.run

    def counting(*arguments: Any) -> list[Outcome]:
        outcomes = run(*arguments)
        groups.append(len(outcomes))
        return outcomes

    monkeypatch.setattr(GroupCommit, "run", counting)
    monkeypatch.setattr(sqlite_group, "GROUP_SECONDS", inf)
    started, go_on = threading.Event(), threading.Event()

    def block(_transaction: Transaction) -> None:
        started.set()
        go_on.wait(30)

    blocking = asyncio.ensure_future(store.runner.write(block))
    await asyncio.to_thread(started.wait, 30)
    waiting = [
        asyncio.ensure_future(
            store.runner.write(save, decide.record_fetch(None, mail(f"uid {n}"), "acme/box", START, LEASE))
        )
        for n in range(20)
    ]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(blocking, *waiting)
    assert groups == [21]
    assert await names(store) == ["journal.fetched"] * 20
    await store.close()


def test_a_commit_does_not_wait_for_all_changes_that_arrive_meanwhile(sqlite_file: Path) -> None:
    moments = count(0.0, sqlite_group.GROUP_SECONDS / 3)
    writer = GroupCommit(parse_url(f"sqlite://{sqlite_file}"), clock=lambda: next(moments))
    endless = iter(lambda: nothing, None)

    outcomes = writer.run(nothing, lambda: next(endless))

    assert outcomes == [Outcome()] * 3
    writer.close()


async def test_a_server_that_was_restarted_is_used_again(private_postgres: Postgres) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    store = open_store(url)
    lives = Lives(store)
    await lives.lease()
    await asyncio.gather(*(store.fetcher.next_due() for _ in range(8)))
    await asyncio.to_thread(private_postgres.kill)
    with pytest.raises(StoreUnavailable, match="PostgreSQL at"):
        await lives.fetched("uid 1")
    await asyncio.to_thread(private_postgres.start)
    results = await asyncio.gather(*(lives.fetched(f"uid {n}") for n in range(2, 10)))
    assert len(results) == 8
    await store.close()


async def test_callers_do_not_notice_sessions_that_the_server_ended(private_postgres: Postgres) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    store = open_store(url)
    lives = Lives(store)
    await lives.lease()
    with psycopg.connect(private_postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailferry'"
        )
    assert await lives.fetched("uid 1")
    await store.close()


async def test_a_lost_connection_discards_all_connections_of_its_age(private_postgres: Postgres) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    many = 12
    store = open_store(url, connections=many)
    lives = Lives(store)
    await lives.lease()
    together = threading.Barrier(many)

    def busy(_transaction: Transaction) -> None:
        _transaction.connection.exec_driver_sql("SELECT 1")
        together.wait(30)

    await asyncio.gather(*(store.runner.write(busy) for _ in range(many)))
    await asyncio.to_thread(private_postgres.kill)
    await asyncio.to_thread(private_postgres.start)
    assert await lives.fetched("uid 1")
    await store.close()


async def test_writes_see_what_was_committed_meanwhile_at_any_default_isolation_level(
    postgres_url: str,
) -> None:
    upgrade(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'".encode()
        )
    store = open_store(postgres_url, connections=1)

    isolations = [
        await each(_isolation) for each in (store.runner.write, store.runner.read, store.runner.write)
    ]

    assert isolations == ["read committed", "repeatable read", "read committed"]
    await store.close()


def _isolation(transaction: Transaction) -> str:
    shown = transaction.connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
    return str(shown)


async def test_a_failed_statement_among_several_sent_together_is_raised_and_nothing_is_logged(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(postgres_url)
    store = open_store(postgres_url, connections=1)

    def twice(transaction: Transaction) -> None:
        connection, bulk = transaction
        row = ("acme", "bob@here.test", "identity", "message", False)
        with bulk.together(connection):
            for _ in range(50):
                bulk.insert(connection, claims, CLAIM, [row])

    with pytest.raises(IntegrityError, match="duplicate key"):
        await store.runner.write(twice)
    assert not caplog.records
    assert await store.fetcher.next_due() is None
    await store.close()


async def test_a_deadlock_is_resolved_without_an_error_for_the_caller(postgres_url: str) -> None:
    upgrade(postgres_url)
    store = open_store(postgres_url, connections=2)
    await store.fetcher.sync_accounts([Schedule(name, 60, enabled=True) for name in "ab"], START)
    both_hold_one = threading.Barrier(2)
    runs: list[str] = []

    def lock(first: str, second: str) -> Callable[[Transaction], None]:
        def change(transaction: Transaction) -> None:
            runs.append(first)
            update = "UPDATE accounts SET poll = poll + 1 WHERE id = %s"
            transaction.connection.exec_driver_sql(update, (first,))
            if len(runs) <= 2:
                both_hold_one.wait(30)
            transaction.connection.exec_driver_sql(update, (second,))

        return change

    await asyncio.gather(store.runner.write(lock("a", "b")), store.runner.write(lock("b", "a")))
    assert len(runs) == 3

    def read(transaction: Transaction) -> list[float]:
        return [*transaction.connection.exec_driver_sql("SELECT poll FROM accounts").scalars()]

    assert await store.runner.read(read) == [62, 62]
    await store.close()


async def test_leasing_does_not_wait_for_an_account_that_another_process_is_leasing(
    postgres_url: str,
) -> None:
    upgrade(postgres_url)
    store = open_store(postgres_url)
    await store.fetcher.sync_accounts([Schedule(name, 60, enabled=True) for name in "ab"], START)
    taken, leased = threading.Event(), threading.Event()

    def take(transaction: Transaction) -> bool:
        transaction.connection.exec_driver_sql("SELECT 1 FROM accounts WHERE id = 'a' FOR UPDATE")
        taken.set()
        return leased.wait(30)

    taking = asyncio.ensure_future(store.runner.write(take))
    await asyncio.to_thread(taken.wait, 30)
    leases = await store.fetcher.lease_due("me", START, START + 60, 10)
    leased.set()
    assert await taking
    assert [lease.fence.account for lease in leases] == ["b"]
    await store.close()
