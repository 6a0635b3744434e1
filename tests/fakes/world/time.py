"""An event loop with a clock that the test moves: it runs until all tasks wait, and returns."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

START = 1_700_000_000.0
SHORT = 0.01
"""Pauses up to this many seconds only let others go first; here nobody needs time for that."""

Result = TypeVar("Result")


class _Unwatched(selectors.SelectSelector):
    """A selector that watches nothing: where the loop would wait, there is nothing left to do."""

    def __init__(self) -> None:
        super().__init__()
        self.everybody_waits: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self.everybody_waits()
        return []


class StillLoop(asyncio.SelectorEventLoop):
    """A loop whose time is `now`. Only `pass_time` changes it."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Unwatched()
        super().__init__(selector)
        selector.everybody_waits = self.stop

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Run until all tasks wait."""
        self.run_forever()

    def pass_time(self, seconds: float) -> None:
        """Jump ahead. What became due meanwhile happens now."""
        self.now += seconds
        self.settle()

    def complete(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of `work`, which waits for nothing."""
        return self.run_until_complete(work)


class StillClock:
    """The clock port on such a loop."""

    def __init__(self, loop: StillLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return START + self._loop.now

    def since_boot(self) -> float:
        return self.monotonic()

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0 if seconds <= SHORT else seconds)
