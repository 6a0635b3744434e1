from __future__ import annotations

import asyncio

from shared.runtime.stopping import Stop


async def test_nobody_has_asked_at_first() -> None:
    stop = Stop()
    assert not stop.asked
    assert stop.reason is None


async def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    stop.ask("signal SIGTERM")
    stop.ask("a service ended")
    assert (stop.asked, stop.reason) == (True, "signal SIGTERM")


async def test_waiting_ends_when_it_is_asked_for() -> None:
    stop = Stop()
    waiter = asyncio.create_task(stop.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    stop.ask("test")
    await waiter


async def test_sleep_returns_early_when_it_is_asked_for() -> None:
    stop = Stop()
    sleeper = asyncio.create_task(stop.sleep(3600))
    await asyncio.sleep(0)
    stop.ask("test")
    assert await sleeper


async def test_sleep_lasts_its_time_when_nobody_asks() -> None:
    assert not await Stop().sleep(0.001)


async def test_sleep_is_over_at_once_after_it_was_asked_for() -> None:
    stop = Stop()
    stop.ask("test")
    assert await stop.sleep(3600)
