"""The machine's clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's time. The port says what is promised."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC. It jumps when the machine's clock is set."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since the machine was started. It never goes back."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Return seconds since the machine was started, including sleep."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)
