"""What is reported about a store that answers, fails, or is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.ports.store import Store, StoreUnavailable
from shared.runtime.metrics import Metrics
from shared.runtime.store_monitor import CHECK_INTERVAL, STALE_AFTER, StoreMonitor
from tests.fakes.clock import ManualClock


class Database:
    """Answers, fails with `error`, or is silent while `silent` is set."""

    def __init__(self) -> None:
        self.error: StoreUnavailable | None = None
        self.silent = False
        self.operator = self

    async def check(self, *, writing: bool = False) -> None:
        assert writing
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    async def parked_totals(self) -> tuple[int, int]:
        return 0, 0


class Monitored:
    """A database and its running monitor."""

    def __init__(self) -> None:
        self.database, self.clock = Database(), ManualClock()
        self._registry = CollectorRegistry()
        store = cast("Store", cast(Any, self.database))
        self.monitor = StoreMonitor(store, self.clock, Metrics(self._registry, "1"))

    @property
    def up(self) -> float | None:
        """`mailferry_store_up`"""
        return self._registry.get_sample_value("mailferry_store_up")


@pytest.fixture
async def watched() -> AsyncIterator[Monitored]:
    watched = Monitored()
    running = asyncio.create_task(watched.monitor.run())
    yield watched
    running.cancel()


async def test_before_the_first_answer_it_is_not_ready() -> None:
    watched = Monitored()
    assert watched.monitor.problem() == "not checked yet"
    assert watched.up == 0


async def test_a_store_that_answers_is_ready_and_nothing_is_logged(watched: Monitored) -> None:
    with capture_logs() as logs:
        await watched.clock.advance(10 * CHECK_INTERVAL)
    assert (watched.monitor.problem(), watched.up, logs) == (None, 1, [])


async def test_an_old_answer_counts_as_an_outage(watched: Monitored) -> None:
    await watched.clock.advance(CHECK_INTERVAL)
    watched.database.silent = True
    with capture_logs() as logs:
        await watched.clock.advance(CHECK_INTERVAL)
        assert watched.monitor.problem() is None
        await watched.clock.advance(STALE_AFTER)
        assert watched.monitor.problem() == "the database has not answered for 20 s"
        assert watched.up == 0
        await watched.clock.advance(100 * CHECK_INTERVAL)
    assert [each["event"] for each in logs] == ["the database cannot be used"]


async def test_an_outage_is_logged_when_it_begins_and_when_it_ends(watched: Monitored) -> None:
    with capture_logs() as logs:
        watched.database.error = StoreUnavailable("the disk is full")
        await watched.clock.advance(2 * CHECK_INTERVAL)
        assert (watched.monitor.problem(), watched.up) == ("the disk is full", 0)
        watched.database.error = None
        await watched.clock.advance(2 * CHECK_INTERVAL)
        assert (watched.monitor.problem(), watched.up) == (None, 1)
    logged = [(each["event"], each["problem"]) for each in logs]
    assert logged == [
        ("the database cannot be used", "the disk is full"),
        ("the database can be used again", "the disk is full"),
    ]
