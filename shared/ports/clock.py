"""Time, passed in, so that a test decides what time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Where a service gets its time from."""

    def now(self) -> float:
        """Seconds since the epoch, UTC: for what is stored and shown. It may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment: for durations. It never goes back."""
        ...

    def since_boot(self) -> float:
        """Seconds since the machine was started, those included for which it slept. It never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...
