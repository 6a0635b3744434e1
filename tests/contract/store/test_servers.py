"""PostgreSQL as others run it: behind PgBouncer, read-only for a while, in another encoding."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable
from tests.fakes.mail_lives import Lives, mail
from tests.servers.pgbouncer import SESSIONS, PgBouncer
from tests.servers.postgres import Postgres

WORDS = "Grüße, 你好, привет"


async def statements(store: SqlStore) -> list[str]:
    """The names of statements prepared in the session of a transaction."""

    def prepared(transaction: Transaction) -> list[str]:
        found = transaction.connection.exec_driver_sql("SELECT name FROM pg_prepared_statements")
        return [str(each) for each in found.scalars()]

    return await store.runner.read(prepared)


async def test_many_transactions_share_few_sessions_and_leave_nothing_in_them(
    postgres_url: str, pgbouncer: PgBouncer
) -> None:
    upgrade(pgbouncer.url(postgres_url))
    store = open_store(pgbouncer.url(postgres_url), connections=SESSIONS + 2)
    lives = Lives(store)
    await lives.lease()
    for n in range(12):  # psycopg prepares what it has executed five times
        await asyncio.gather(*(lives.fetched(f"uid {n} {m}") for m in range(4)), store.fetcher.next_due())
    assert await statements(store) == []
    assert await lives.is_sound()
    with psycopg.connect(pgbouncer.url(postgres_url), autocommit=True, prepare_threshold=None) as other:
        for setting, value in {"enable_seqscan": "on", "jit": "on", "statement_timeout": "0"}.items():
            shown = other.execute(f"SHOW {setting}".encode()).fetchone()
            assert shown == (value,)
    await store.close()


async def test_statements_are_prepared_where_no_pooler_is_between(postgres_url: str) -> None:
    upgrade(postgres_url)
    store = open_store(postgres_url, connections=1)
    for _ in range(12):
        await store.operator.parked_totals()
    assert await statements(store) != []
    await store.close()


async def test_a_read_only_server_is_an_outage_until_it_can_be_written_to(
    private_postgres: Postgres,
) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    store = open_store(url)
    lives = Lives(store)
    await lives.lease()
    private_postgres.execute(
        "postgres", "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
    )
    await refused(store)
    with pytest.raises(StoreUnavailable, match="read-only"):
        await lives.fetched("uid 1")
    with pytest.raises(StoreUnavailable, match="may only be read"):
        await store.check(writing=True)
    assert await store.fetcher.ledger_rows("acme/box") == []
    private_postgres.execute(
        "postgres",
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )
    await accepted(store)
    assert await lives.fetched("uid 1")
    await store.check(writing=True)
    await store.close()


async def refused(store: SqlStore) -> None:
    """Wait until the server has read its settings and refuses to write."""
    async with asyncio.timeout(60):
        while True:
            try:
                await store.maintenance.advance_mark()
            except StoreUnavailable:
                return


async def accepted(store: SqlStore) -> None:
    """Wait until the server writes again."""
    async with asyncio.timeout(60):
        while True:
            try:
                await store.maintenance.advance_mark()
            except StoreUnavailable:
                continue
            return


async def test_a_database_without_an_encoding_keeps_text_as_it_is(postgres: Postgres) -> None:
    url = postgres.create_database("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    upgrade(url)
    store = open_store(url)
    lives = Lives(store)
    await lives.lease()
    [message] = await lives.fetch(mail(WORDS))
    assert (await lives.state(message)).key.uid == WORDS
    assert [row.key.uid for row in await store.fetcher.ledger_rows("acme/box")] == [WORDS]
    assert [each.id for each in await store.operator.find_messages(WORDS, 1)] == [message]
    assert await store.operator.verify_journal() == []
    await store.close()


async def test_a_database_that_cannot_hold_every_text_is_refused_with_advice(postgres: Postgres) -> None:
    url = postgres.create_database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(StoreUnavailable, match=r"has encoding LATIN1.*create it with ENCODING 'UTF8'"):
        upgrade(url)
    store = open_store(url)
    with pytest.raises(StoreUnavailable, match="has encoding LATIN1"):
        await store.check()
    await store.close()


async def test_sessions_that_began_read_only_are_replaced_when_the_database_can_be_written_to(
    private_postgres: Postgres,
) -> None:
    url = private_postgres.create_database()
    upgrade(url)
    name = url.rpartition("/")[2]
    private_postgres.execute("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = open_store(url)
    await asyncio.gather(*(store.operator.epoch() for _ in range(8)))
    with pytest.raises(StoreUnavailable, match="may only be read"):
        await store.maintenance.advance_mark()
    await asyncio.gather(*(store.operator.epoch() for _ in range(8)))
    private_postgres.execute("postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only")
    for _ in range(8):
        await store.maintenance.advance_mark()
        await store.check(writing=True)
    await store.close()
