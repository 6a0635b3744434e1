from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typing_extensions import override

from shared.adapters.sql.runner import RECENT, Change, TransactionRunner
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable


class Disk:
    """Transactions whose writes return 7, or fail with `error`."""

    error: Exception | None = None

    async def write(self, change: Change[Any]) -> Any:
        if self.error is not None:
            raise self.error
        return 7

    async def read(self, query: Change[Any]) -> Any:
        return 8

    async def close(self, within: float = 0) -> None:
        pass


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def change(_transaction: Transaction) -> int:
    return 0


async def test_a_write_that_failed_is_known_until_one_succeeds() -> None:
    disk = Disk()
    runner = TransactionRunner(disk, Clock())
    disk.error = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await runner.write(change)
    assert await runner.read(change) == 8
    assert runner.failure is disk.error
    disk.error = None
    assert await runner.write(change) == 7
    assert runner.failure is None


async def test_a_failed_write_that_is_not_tried_again_is_forgotten() -> None:
    disk, clock = Disk(), Clock()
    runner = TransactionRunner(disk, clock)
    disk.error = StoreUnavailable("the database restarts")
    with pytest.raises(StoreUnavailable):
        await runner.write(change)
    clock.now += RECENT + 1
    assert runner.failure is None


async def test_an_error_of_the_change_itself_says_nothing_about_the_store() -> None:
    disk = Disk()
    runner = TransactionRunner(disk, Clock())
    disk.error = KeyError("a mistake of ours")
    with pytest.raises(KeyError):
        await runner.write(change)
    assert runner.failure is None


async def test_transactions_that_run_or_wait_are_counted_and_timed() -> None:
    class SlowDisk(Disk):
        @override
        async def read(self, query: Change[Any]) -> Any:
            await release.wait()

    disk, clock, release = SlowDisk(), Clock(), asyncio.Event()
    runner = TransactionRunner(disk, clock)
    taken: list[float] = []
    runner.on_end = taken.append
    reading = asyncio.ensure_future(runner.read(change))
    await asyncio.sleep(0)
    assert runner.under_way == 1
    clock.now += 2.5
    release.set()
    await reading
    disk.error = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await runner.write(change)
    assert (runner.under_way, taken) == (0, [2.5, 0.0])
