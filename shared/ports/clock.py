"""The clock, passed in, so that a test decides what time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells a service the time."""

    def now(self) -> float:
        """Return the seconds since the epoch, UTC, for what is stored and shown. It may jump."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since some moment, for durations. It never goes back."""
        ...

    def since_boot(self) -> float:
        """Return the seconds since the machine was started, its sleep included. It never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...
