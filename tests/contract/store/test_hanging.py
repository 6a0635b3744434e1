"""A database that does not answer: its callers get an error in time, and go on when it answers again."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

import psycopg
import pytest

from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import open_store
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Store, StoreUnavailable
from tests.fakes.mail_lives import Lives
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import Postgres

DEADLINE = 1.0


async def answering(store: Store) -> None:
    """Return once the store answers: on a loaded machine even a healthy one may miss the deadline."""
    while True:
        try:
            return await store.check()
        except StoreUnavailable:
            await asyncio.sleep(0.01)


async def test_a_stopped_postgresql_is_reported_and_goes_on_without_loss_or_duplicate(
    private_postgres: Postgres,
) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    patient = Lives(open_store(url))
    await patient.lease()
    assert await patient.fetched("uid 1")
    store = open_store(url, deadline=DEADLINE)
    lives = Lives(store)
    lives.fence = patient.fence
    await answering(store)
    with private_postgres.suspended():
        asked = [lives.fetched(f"uid {n}") for n in range(2, 10)]
        outcomes = await asyncio.gather(*asked, store.check(), store.check(), return_exceptions=True)
        assert {type(each) for each in outcomes} == {StoreUnavailable}
        assert "has not answered for 1 s" in str(outcomes[0])
    for n in range(2, 10):
        assert await patient.fetched(f"uid {n}")
    assert len(await patient.store.fetcher.ledger_rows("acme/box")) == 9
    assert await patient.is_sound()
    await patient.store.close()
    await store.close()


async def test_threads_that_waited_for_a_stopped_server_are_free_again_before_it_goes_on(
    private_postgres: Postgres,
) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    store = open_store(url, deadline=DEADLINE, connections=2)
    await asyncio.gather(answering(store), answering(store))
    with private_postgres.suspended():
        outcomes = await asyncio.gather(*(store.check() for _ in range(2)), return_exceptions=True)
        assert {type(each) for each in outcomes} == {StoreUnavailable}
        await asyncio.wait_for(store.close(), 60)
        assert not [each for each in threading.enumerate() if each.name.startswith("postgres-")]


async def test_a_new_connection_through_a_pooler_to_a_stopped_server_is_given_up_too(
    private_postgres: Postgres,
) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    require("pgbouncer")
    with server_directory("pgbouncer") as directory, PgBouncer(directory, private_postgres) as pgbouncer:
        psycopg.connect(pgbouncer.url(url)).close()
        store = open_store(pgbouncer.url(url), deadline=DEADLINE)
        with private_postgres.suspended():
            with pytest.raises(StoreUnavailable, match="has not answered for 1 s"):
                await store.check()
            await asyncio.wait_for(store.close(), 60)
            assert not [each for each in threading.enumerate() if each.name.startswith("postgres-")]


async def test_the_server_ends_a_statement_that_outlives_its_deadline(postgres_url: str) -> None:
    store = open_store(postgres_url, deadline=DEADLINE)

    def sleep(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql("SELECT pg_sleep(600)")

    with pytest.raises(StoreUnavailable):
        await store.runner.write(sleep)

    def others(transaction: Transaction) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"
        found = transaction.connection.exec_driver_sql(query, ("SELECT pg_sleep%",)).scalar_one()
        return int(found)

    async with asyncio.timeout(60):
        while await store.runner.read(others):  # each time a round trip to the server
            pass
    await store.close()


async def test_a_disk_that_hangs_under_sqlite_is_reported_and_a_call_not_begun_is_not_made(
    empty_sqlite: Path, tmp_path: Path
) -> None:
    path = shutil.copy(empty_sqlite, tmp_path / "mail.db")
    patient = Lives(open_store(f"sqlite://{path}"))
    await patient.lease()
    await patient.store.close()
    store = open_store(f"sqlite://{path}", deadline=DEADLINE)
    lives = Lives(store)
    lives.fence = patient.fence
    hangs, moves = threading.Event(), threading.Event()

    def hang(_transaction: Transaction) -> None:
        hangs.set()
        moves.wait()

    hanging = asyncio.ensure_future(store.runner.write(hang))
    await asyncio.to_thread(hangs.wait)
    with pytest.raises(StoreUnavailable, match="has not answered for 1 s"):
        await lives.fetched("uid 1")
    with pytest.raises(StoreUnavailable, match="has not answered for 1 s"):
        await hanging
    with pytest.raises(StoreUnavailable):
        await store.check()
    moves.set()
    assert await lives.fetched("uid 2")
    assert [row.key.uid for row in await store.fetcher.ledger_rows("acme/box")] == ["uid 2"]
    assert await lives.is_sound()
    await store.close()
