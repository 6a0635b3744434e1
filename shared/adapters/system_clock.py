"""The clock of the machine."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Tells the machine's time; see the port for what is promised."""

    def now(self) -> float:
        """Seconds since the epoch, UTC; it jumps when the machine's clock is set."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since the machine was started; it never goes back."""
        return time.monotonic()

    def since_boot(self) -> float:
        """As `monotonic`, and it runs on while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)
