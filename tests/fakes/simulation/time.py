"""An event loop whose time the test moves. It runs until all tasks wait, and returns."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

START = 1_700_000_000.0
SHORT = 0.01
"""Pauses up to this many seconds only let other tasks run first. Here they take no time."""

Result = TypeVar("Result")


class _NoSockets(selectors.SelectSelector):
    """Calls `on_idle` when the loop would wait for something."""

    def __init__(self) -> None:
        super().__init__()
        self.on_idle: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self.on_idle()
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is `now`, which only `pass_time` changes."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _NoSockets()
        super().__init__(selector)
        selector.on_idle = self.stop

    def time(self) -> float:
        return self.now

    def run_until_idle(self) -> None:
        """Run until all tasks wait."""
        self.run_forever()

    def pass_time(self, seconds: float) -> None:
        """Move the time ahead, and run what became due."""
        self.now += seconds
        self.run_until_idle()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work`, which must not wait, and return its result."""
        return self.run_until_complete(work)


class SimulatedClock:
    """The port `Clock` with the time of the loop."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return START + self._loop.now

    def since_boot(self) -> float:
        return self.monotonic()

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0 if seconds <= SHORT else seconds)
