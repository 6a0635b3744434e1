"""Calls that a thread does not answer in time fail at their deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest

from shared.adapters.sql.calls import Call, Threads, allowing, call_under_way
from shared.ports.store import StoreUnavailable

SOON = 0.05
LONG = 600.0


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What a thread that hangs waits for."""
    event = threading.Event()
    yield event
    event.set()


def threads(count: int, deadline: float) -> Threads:
    return Threads(count, "test", "the database", deadline)


def fail(_call: Call) -> NoReturn:
    raise ValueError("a mistake of ours")


async def test_a_call_returns_or_raises_what_its_work_does() -> None:
    pool = threads(1, LONG)
    assert await pool.run(lambda _call: 7) == 7
    with pytest.raises(ValueError, match="a mistake of ours"):
        await pool.run(fail)
    await pool.close(LONG)


async def test_a_call_to_a_database_that_hangs_fails_at_the_deadline(released: threading.Event) -> None:
    pool = threads(2, SOON)
    with pytest.raises(StoreUnavailable, match=r"the database has not answered for 0\.05 s"):
        await pool.run(lambda _call: released.wait())
    assert await pool.run(lambda _call: 7) == 7


async def test_a_thread_that_hung_goes_on_afterwards_and_reports_nothing_twice(
    released: threading.Event,
) -> None:
    pool = threads(1, SOON)
    with pytest.raises(StoreUnavailable):
        await pool.run(lambda _call: released.wait())
    released.set()
    with allowing(LONG):
        assert await pool.run(lambda _call: 7) == 7
    await pool.close(LONG)


async def test_a_call_not_begun_at_the_deadline_is_not_made(released: threading.Event) -> None:
    pool, done = threads(1, SOON), list[str]()
    asked = [
        pool.run(lambda _call: released.wait()),
        pool.run(lambda _call: done.append("late")),
    ]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in outcomes] == [StoreUnavailable, StoreUnavailable]
    released.set()
    await pool.close(LONG)
    assert done == []


async def test_long_work_has_a_deadline_of_its_own(released: threading.Event) -> None:
    pool = threads(1, LONG)
    with allowing(SOON), pytest.raises(StoreUnavailable, match=r"for 0\.05 s"):
        await pool.run(lambda _call: released.wait())


async def test_what_a_thread_waits_for_is_broken_off_at_the_deadline(released: threading.Event) -> None:
    pool = threads(1, SOON)
    late: list[bool] = []

    def work(call: Call) -> None:
        assert call_under_way() is call
        with call.broken_off_by(released.set):
            released.wait()
        late.append(call.is_late)

    with pytest.raises(StoreUnavailable):
        await pool.run(work)
    await pool.close(LONG)
    assert late == [True]


async def test_what_begins_after_the_deadline_is_broken_off_at_once(released: threading.Event) -> None:
    pool = threads(1, SOON)
    broken_off: list[bool] = []

    def work(call: Call) -> None:
        released.wait()
        with call.broken_off_by(lambda: broken_off.append(True)):
            pass

    with pytest.raises(StoreUnavailable):
        await pool.run(work)
    released.set()
    await pool.close(LONG)
    assert broken_off == [True]


async def test_closing_does_not_wait_for_a_thread_that_hangs(
    released: threading.Event,
) -> None:
    pool = threads(1, LONG)
    asked = asyncio.ensure_future(pool.run(lambda _call: released.wait()))
    await asyncio.sleep(0)
    await pool.close(SOON)
    assert not asked.done()
    asked.cancel()
