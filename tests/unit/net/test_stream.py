from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from shared.net.stream import ByteStream


class Timer:
    def __init__(self, at: float, fire: Callable[[], None]) -> None:
        self.at = at
        self.fire = fire
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop whose time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[bool]:
        return asyncio.get_running_loop().create_future()

    def call_at(self, at: float, fire: Callable[[], None]) -> Timer:
        self.timers.append(Timer(at, fire))
        return self.timers[-1]

    def pass_to(self, now: float) -> None:
        self.now = now
        due = [timer for timer in self.timers if timer.at <= now and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            timer.fire()

    @property
    def set(self) -> list[float]:
        """When timers that are not cancelled would fire."""
        return [timer.at for timer in self.timers if not timer.cancelled]


async def begun(stream: ByteStream, seconds: float) -> asyncio.Task[bool]:
    waiting = asyncio.create_task(stream.change(seconds))
    await asyncio.sleep(0)
    return waiting


def stream_on(loop: Loop) -> ByteStream:
    return ByteStream(cast(asyncio.AbstractEventLoop, loop))


async def test_a_wait_without_a_change_ends_when_its_time_is_over() -> None:
    loop = Loop()
    waiting = await begun(stream_on(loop), 5)
    loop.pass_to(5)
    assert await waiting is False


async def test_many_waits_share_one_timer() -> None:
    loop = Loop()
    stream = stream_on(loop)
    for _ in range(10):
        waiting = await begun(stream, 5)
        loop.now += 0.1
        stream.data_received(b"answer")
        assert await waiting is True
    assert loop.set == [5]


async def test_the_timer_of_an_earlier_wait_does_not_end_a_later_one() -> None:
    loop = Loop()
    stream = stream_on(loop)
    earlier = await begun(stream, 5)
    stream.data_received(b"answer")
    assert await earlier is True
    loop.now = 4
    later = await begun(stream, 5)
    loop.pass_to(5)
    await asyncio.sleep(0)
    assert not later.done()
    loop.pass_to(9)
    assert await later is False


async def test_a_wait_that_is_shorter_than_the_one_before_ends_in_its_own_time() -> None:
    loop = Loop()
    stream = stream_on(loop)
    long = await begun(stream, 300)
    stream.data_received(b"answer")
    assert await long is True
    short = await begun(stream, 1)
    loop.pass_to(1)
    assert await short is False


async def test_a_connection_that_is_lost_leaves_no_timer() -> None:
    loop = Loop()
    stream = stream_on(loop)
    waiting = await begun(stream, 300)
    stream.connection_lost(None)
    assert await waiting is True
    assert loop.set == []
