"""How many events a service takes at a time, and how long it waits for them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from shared.config.settings import BrokerSettings
from shared.runtime.batch_policy import IN_PROCESS, REMOTE, BatchPolicy, BatchTimer, batch_policy_for
from tests.fakes.clock import ManualClock


def test_a_large_backlog_is_more_than_a_tenth_of_a_batch_and_never_a_single_event() -> None:
    policy = BatchPolicy(prefetch=600, batch=200, linger=0.003)
    assert not policy.is_large(20)
    assert policy.is_large(21)
    assert not BatchPolicy(prefetch=5, batch=5, linger=0).is_large(1)


def test_only_for_a_broker_outside_of_the_process_batches_are_filled() -> None:
    assert batch_policy_for(BrokerSettings(url=SecretStr("memory:"))) is IN_PROCESS
    assert batch_policy_for(BrokerSettings(url=SecretStr("amqp://rabbit.example"))) is REMOTE
    assert IN_PROCESS.fill_wait == 0 < REMOTE.fill_wait


def test_only_in_one_process_a_second_large_batch_is_processed_while_one_is_written() -> None:
    assert (IN_PROCESS.large_batches, REMOTE.large_batches) == (2, 1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def begun(clock: ManualClock) -> BatchTimer:
    """Half a second of waiting, just begun."""
    timer = BatchTimer(clock, 0.5)
    timer.keep_running(True)
    await clock.somebody_sleeps()
    return timer


async def test_the_timer_runs_from_its_start_and_not_anew_each_time_more_comes(clock: ManualClock) -> None:
    timer = await begun(clock)
    await clock.advance(0.3)
    timer.keep_running(True)
    assert len(timer.awaited) == 1
    await clock.advance(0.2)
    assert timer.is_over
    assert not timer.awaited


async def test_the_next_backlog_has_its_own_time(clock: ManualClock) -> None:
    timer = await begun(clock)
    await clock.advance(0.5)
    assert timer.is_over
    timer.stop()
    timer.keep_running(True)
    await clock.somebody_sleeps()
    assert clock.naps == [0.5]
    timer.stop()


async def test_a_small_backlog_does_not_wait(clock: ManualClock) -> None:
    timer = await begun(clock)
    timer.keep_running(False)
    assert not timer.awaited
    assert not timer.is_over


async def test_without_time_nothing_waits() -> None:
    timer = BatchTimer(ManualClock(), 0.0)
    assert timer.is_over
    timer.keep_running(True)
    assert not timer.awaited
