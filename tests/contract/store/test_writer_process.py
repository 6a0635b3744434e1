"""The process that writes to SQLite: what it is told, and what happens when it or its parent ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from shared.adapters.sql.engine import parse_url
from shared.adapters.sql.sqlite_process import WriterProcess
from shared.adapters.sql.sqlite_writer import SqliteTransactions
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.work import Transaction
from shared.ports.store import StoreUnavailable
from tests.fakes.mail_lives import Lives


@pytest.fixture
def file(tmp_path: Path, empty_sqlite: Path) -> Path:
    return Path(shutil.copy(empty_sqlite, tmp_path / "mailferry.db"))


@pytest.fixture
async def writer(file: Path) -> AsyncIterator[WriterProcess]:
    writer = WriterProcess(parse_url(f"sqlite://{file}"))
    yield writer
    await writer.close()


@pytest.fixture
async def lives(file: Path, writer: WriterProcess) -> Lives:
    database = parse_url(f"sqlite://{file}")
    store = SqlStore(SqliteTransactions(database, writer), database)
    lives = Lives(store)
    await lives.lease()
    return lives


def process_id(_transaction: Transaction) -> int:
    return os.getpid()


def divide(_transaction: Transaction) -> float:
    return 1 / 0


def kill_itself(_transaction: Transaction) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def test_it_is_another_process(writer: WriterProcess) -> None:
    assert await writer.write(process_id) != os.getpid()


async def test_a_failure_arrives_with_the_place_where_it_happened(writer: WriterProcess) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        await writer.write(divide)
    assert "in divide" in caught.value.__notes__[0]
    assert await writer.write(process_id)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_signals_for_the_whole_group_are_left_to_the_parent(
    writer: WriterProcess, sent: signal.Signals
) -> None:
    child = await writer.write(process_id)
    os.kill(child, sent)
    assert await writer.write(process_id) == child


async def test_when_it_is_killed_those_who_wait_are_told_and_a_thread_takes_over(
    writer: WriterProcess, lives: Lives
) -> None:
    with pytest.raises(StoreUnavailable, match="ended with code -9"):
        await writer.write(kill_itself)
    assert await lives.fetched("uid 1")
    assert await writer.write(process_id) == os.getpid()


async def test_it_ends_when_its_parent_is_no_more(file: Path) -> None:
    writer = WriterProcess(parse_url(f"sqlite://{file}"))
    writer._socket.close()
    assert (await asyncio.to_thread(os.waitpid, writer._child, 0))[1] == 0


async def test_what_was_asked_for_is_written_before_it_ends(file: Path) -> None:
    database = parse_url(f"sqlite://{file}")
    store = SqlStore(SqliteTransactions(database, WriterProcess(database)), database)
    lives = Lives(store)
    await lives.lease()
    await lives.fetched("uid 1")
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await lives.fetched("uid 2")


def test_closing_after_it_was_killed_is_no_error_on_the_event_loop_of_the_services(file: Path) -> None:
    async def live_and_close() -> None:
        writer = WriterProcess(parse_url(f"sqlite://{file}"))
        with pytest.raises(StoreUnavailable):
            await writer.write(kill_itself)
        await writer.close()

    uvloop.run(live_and_close())
