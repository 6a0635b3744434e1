"""The clock. It is passed in, so that a test decides what time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Where a service gets the time from."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC: for what is stored and shown. It may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment: for durations. It never goes back."""
        ...

    def since_boot(self) -> float:
        """Return seconds since the machine was started, including its sleep. It never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...
