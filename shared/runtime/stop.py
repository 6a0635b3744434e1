"""The request to stop, which services wait for."""

from __future__ import annotations

import asyncio


class Stop:
    """Requested once and for all: from then on nothing waits for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: str | None = None

    def request(self, reason: str) -> None:
        """Ask all services to finish. The first reason is kept."""
        if self.reason is None:
            self.reason = reason
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the services are to finish."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when the stop is requested."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> bool:
        """Wait for `seconds` or until the stop is requested; return whether it is."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return self._event.is_set()
        return True
