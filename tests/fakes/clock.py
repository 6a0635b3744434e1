"""A clock that stands still until the test moves it."""

from __future__ import annotations

import asyncio
from itertools import count


class ManualClock:
    """A `Clock` for tests. `advance` ends the sleeps that are due, in their order."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._started = now
        self._now = now
        self._numbers = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._asleep = asyncio.Event()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._started

    def since_boot(self) -> float:
        return self.monotonic()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = (self._now + seconds, next(self._numbers), asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self._asleep.set()
        try:
            await sleeper[2]
        finally:
            self._sleepers.remove(sleeper)

    @property
    def naps(self) -> list[float]:
        """Return the remaining seconds of each sleep, the shortest first."""
        return sorted(due - self._now for due, _, _ in self._sleepers)

    async def somebody_sleeps(self) -> None:
        """Return when something sleeps."""
        while not self._sleepers:
            self._asleep.clear()
            await self._asleep.wait()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Tasks that wake up run until they wait again."""
        end = self._now + seconds
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end and not sleeper[2].done()]:
            moment, _, sleeper = min(due, key=lambda each: each[:2])
            self._now = max(self._now, moment)
            sleeper.set_result(None)
            await _settle()
        self._now = end
        await _settle()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
