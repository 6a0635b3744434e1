"""The process that keeps the store: what it is told, and what happens when it or its parent ends."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import pytest
import uvloop

from services.standalone.alone import AlreadyRunning, alone
from shared.ops.config import from_mapping
from shared.ports.store import Epoch, LeaseLost, SchemaOutdated, StoreUnavailable
from shared.process.opening import surroundings
from shared.process.storekeeper.frames import WORDS
from shared.process.storekeeper.keeper import Storekeeper, storekeeper
from shared.process.storekeeper.kept_store import kept_store
from tests.fakes.mail_lives import BOB, Lives
from tests.servers.process import eventually


@pytest.fixture
def file(tmp_path: Path, empty_sqlite: Path) -> Path:
    return Path(shutil.copy(empty_sqlite, tmp_path / "mailferry.db"))


@pytest.fixture
def doubts() -> list[int]:
    """What the parent was told of attempts in doubt."""
    return []


@pytest.fixture
async def keeper(file: Path, doubts: list[int]) -> AsyncIterator[Storekeeper]:
    keeper = Storekeeper()
    await keeper.open(f"sqlite://{file}", doubts.append)
    yield keeper
    await keeper.close()


@pytest.fixture
async def lives(keeper: Storekeeper) -> Lives:
    lives = Lives(kept_store(keeper))
    await lives.lease()
    return lives


async def test_it_is_another_process(keeper: Storekeeper, lives: Lives) -> None:
    assert await lives.fetched("uid 1")
    assert keeper._child != os.getpid()


async def test_an_error_of_the_store_arrives_as_what_it_is_with_the_place_where_it_happened(
    lives: Lives,
) -> None:
    stale = lives.fence._replace(number=lives.fence.number + 1)
    with pytest.raises(LeaseLost) as caught:
        await lives.store.record_gone(stale, {"unknown": "not listed"}, lives.now)
    assert "in record_gone" in caught.value.__notes__[0]


async def test_many_who_are_told_of_the_same_error_hear_no_more_of_it_than_one(
    lives: Lives, file: Path
) -> None:
    with sqlite3.connect(file) as tables:
        tables.execute("DROP TABLE journal")
    asked = [lives.fetched(f"uid {n}") for n in range(64)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in told} == {SchemaOutdated}
    assert all(len("".join(each.__notes__)) <= WORDS for each in told if isinstance(each, Exception))


async def test_a_mistake_of_the_caller_is_told_and_harms_no_other(keeper: Storekeeper, lives: Lives) -> None:
    with pytest.raises(TypeError):
        await keeper.call("epoch", ("too", "many"), {})
    assert await lives.fetched("uid 1")


async def test_what_is_no_value_is_refused_before_anything_is_sent(lives: Lives) -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        await lives.store.find(lambda: "no text", 1)  # type: ignore[arg-type]
    assert await lives.fetched("uid 1")


async def test_only_what_the_port_names_is_an_operation(lives: Lives) -> None:
    with pytest.raises(AttributeError, match="no operation drop_everything"):
        lives.store.drop_everything  # type: ignore[attr-defined]  # noqa: B018


async def test_a_thousand_calls_at_once_are_answered_each_with_its_own(lives: Lives) -> None:
    messages = await asyncio.gather(*(lives.fetched(f"uid {n}") for n in range(1000)))
    found = await asyncio.gather(*(lives.state(each) for each in messages))
    assert [each.key.uid for each in found] == [f"uid {n}" for n in range(1000)]


async def test_doubts_are_told_to_the_parent(lives: Lives, doubts: list[int]) -> None:
    await lives.begin(await lives.routed("uid 1", BOB))
    assert await lives.store.lose_all("restarted", lives.now) == 1
    assert doubts == [1]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_signals_for_the_whole_group_are_left_to_the_parent(
    keeper: Storekeeper, lives: Lives, sent: signal.Signals
) -> None:
    os.kill(keeper._child, sent)
    assert await lives.fetched("uid 1")
    assert keeper._replacement is None


async def test_when_it_is_killed_those_who_wait_are_told_and_this_process_takes_over(
    keeper: Storekeeper, lives: Lives
) -> None:
    os.kill(keeper._child, signal.SIGSTOP)
    waiting = asyncio.ensure_future(lives.fetched("uid 1"))
    await asyncio.sleep(0)
    os.kill(keeper._child, signal.SIGKILL)
    with pytest.raises(StoreUnavailable, match="ended with code -9"):
        await waiting
    assert await lives.fetched("uid 2")
    assert await lives.is_sound()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_whoever_calls_while_its_end_is_being_noticed_is_served_or_told_that_the_store_is_away(
    file: Path, run: Callable[[Coroutine[Any, Any, list[object]]], list[object]]
) -> None:
    """The loops differ in what becomes of a connection that breaks off."""
    outcomes = run(asked_all_the_time(file))
    assert {type(each) for each in outcomes} == {StoreUnavailable, Epoch}
    assert isinstance(outcomes[-1], Epoch)


async def asked_all_the_time(file: Path) -> list[object]:
    """What comes of calls that go on while the process is killed, and until another store takes over."""
    keeper = Storekeeper()
    await keeper.open(f"sqlite://{file}", lambda _doubts: None)
    store = kept_store(keeper)
    calls = [asyncio.ensure_future(store.epoch()) for _ in range(5)]
    os.kill(keeper._child, signal.SIGKILL)
    while keeper._replacement is None:
        calls.append(asyncio.ensure_future(store.epoch()))
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await store.close()
    return list(outcomes)


async def test_where_its_answer_cannot_be_read_it_is_ended_and_this_process_takes_over(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.process.storekeeper.frames.pickle.loads", unreadable)
    outcomes = await asyncio.gather(lives.store.epoch(), lives.store.epoch(), return_exceptions=True)
    monkeypatch.undo()
    assert ["ended with code -9" in str(each) for each in outcomes] == [True, True]
    assert await lives.fetched("uid 1")


def unreadable(_octets: bytes) -> NoReturn:
    raise ValueError("no value of ours")


async def test_doubts_are_told_after_it_was_killed_too(
    keeper: Storekeeper, lives: Lives, doubts: list[int]
) -> None:
    await lives.begin(await lives.routed("uid 1", BOB))
    os.kill(keeper._child, signal.SIGKILL)
    with pytest.raises(StoreUnavailable):
        await lives.store.epoch()
    await lives.store.lose_all("restarted", lives.now)
    assert doubts == [1]


async def test_it_ends_when_its_parent_is_no_more() -> None:
    keeper = Storekeeper()
    keeper._socket.close()
    assert (await asyncio.to_thread(os.waitpid, keeper._child, 0))[1] == 0


async def test_what_was_asked_for_is_done_before_it_ends(file: Path) -> None:
    keeper = Storekeeper()
    await keeper.open(f"sqlite://{file}", lambda _doubts: None)
    lives = Lives(kept_store(keeper))
    await lives.lease()
    asked = asyncio.ensure_future(lives.fetched("uid 1"))
    await asyncio.sleep(0)
    await lives.store.close()
    assert await asked
    with pytest.raises(StoreUnavailable, match="closed"):
        await lives.fetched("uid 2")


async def test_a_store_that_cannot_be_opened_is_told_as_if_it_were_here_and_nothing_takes_over(
    tmp_path: Path,
) -> None:
    keeper = Storekeeper()
    with pytest.raises(StoreUnavailable, match=f"the directory {tmp_path}/missing of the SQLite file"):
        await keeper.open(f"sqlite://{tmp_path}/missing/mail.db", lambda _doubts: None)
    assert keeper._replacement is None
    with pytest.raises(ProcessLookupError):
        os.kill(keeper._child, 0)


async def test_where_it_ended_before_it_was_told_what_to_keep_the_store_is_away(file: Path) -> None:
    keeper = Storekeeper()
    os.kill(keeper._child, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, keeper._child, os.WEXITED | os.WNOWAIT)
    with pytest.raises(StoreUnavailable, match="ended with code -9"):
        await keeper.open(f"sqlite://{file}", lambda _doubts: None)


async def test_a_new_file_gets_the_schema(tmp_path: Path) -> None:
    keeper = Storekeeper()
    await keeper.open(f"sqlite://{tmp_path}/mail.db", lambda _doubts: None)
    store = kept_store(keeper)
    await store.check()
    await store.close()


async def test_the_database_stays_locked_as_long_as_it_lives(file: Path) -> None:
    keeper = Storekeeper()
    async with alone(file) as lock:
        await keeper.open(f"sqlite://{file}", lambda _doubts: None, lock)
    with pytest.raises(AlreadyRunning):
        async with alone(file):
            pass
    await keeper.close()
    async with alone(file):
        pass


@pytest.mark.parametrize("closed", ["0", "1", "2", "0, 1, 2"])
def test_it_ends_with_its_parent_also_where_standard_streams_are_closed(closed: str) -> None:
    script = f"""
        import os, signal
        from shared.process.storekeeper.keeper import Storekeeper
        held = os.dup(1)
        for each in ({closed},):
            os.close(each)
        keeper = Storekeeper()
        os.write(held, str(keeper._child).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, timeout=30, check=False
    )
    assert eventually(lambda: not is_there(int(ended.stdout)), 30.0)


def is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_it_is_no_matter_where_nobody_wants_to_hear_of_children() -> None:
    script = """
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        from shared.process.storekeeper.keeper import storekeeper
        with storekeeper() as keeper:
            assert keeper is not None
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=30, check=True)


def test_signals_are_heard_again_when_it_is_made() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    Storekeeper().dismiss()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_one_who_was_never_needed_is_gone_afterwards() -> None:
    with storekeeper() as keeper:
        assert keeper is not None
    with pytest.raises(ProcessLookupError):
        os.kill(keeper._child, 0)


async def test_a_store_in_postgresql_needs_none(tmp_path: Path) -> None:
    keeper = Storekeeper()
    configuration = from_mapping(
        {
            "broker": {"url": "memory:"},
            "store": {"url": "postgresql://127.0.0.1/mailferry"},
            "blobs": {"url": tmp_path.as_uri()},
        },
        {},
        tmp_path,
        "a test",
    )
    async with surroundings(configuration, keeper):
        assert not is_there(keeper._child)


def test_nothing_is_forked_where_there_are_threads() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with storekeeper() as keeper:
            assert keeper is None
    finally:
        end.set()
        thread.join()


def test_closing_after_it_was_killed_is_no_error_on_the_event_loop_of_the_services(file: Path) -> None:
    async def live_and_close() -> None:
        keeper = Storekeeper()
        await keeper.open(f"sqlite://{file}", lambda _doubts: None)
        os.kill(keeper._child, signal.SIGKILL)
        with pytest.raises(StoreUnavailable):
            await kept_store(keeper).epoch()
        await keeper.close()

    uvloop.run(live_and_close())
