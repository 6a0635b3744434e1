from __future__ import annotations

import asyncio

from shared.runtime.stop import Stop


async def test_at_first_nothing_is_requested() -> None:
    stop = Stop()
    assert not stop.requested
    assert stop.reason is None


async def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    stop.request("signal SIGTERM")
    stop.request("a service ended")
    assert (stop.requested, stop.reason) == (True, "signal SIGTERM")


async def test_waiting_ends_when_a_stop_is_requested() -> None:
    stop = Stop()
    waiter = asyncio.create_task(stop.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    stop.request("test")
    await waiter


async def test_sleep_returns_early_when_a_stop_is_requested() -> None:
    stop = Stop()
    sleeper = asyncio.create_task(stop.sleep(3600))
    await asyncio.sleep(0)
    stop.request("test")
    assert await sleeper


async def test_sleep_lasts_its_time_without_a_request() -> None:
    assert not await Stop().sleep(0.001)


async def test_sleep_returns_at_once_after_a_request() -> None:
    stop = Stop()
    stop.request("test")
    assert await stop.sleep(3600)
