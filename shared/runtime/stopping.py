"""The wish to stop, as an object that services are given and wait on."""

from __future__ import annotations

import asyncio


class Stop:
    """Asked for at most once; from then on every waiter goes on at once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: str | None = None

    def ask(self, reason: str) -> None:
        """Ask everything to come to its end; the first reason is kept."""
        if self.reason is None:
            self.reason = reason
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether it is time to come to an end."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once it is time to come to an end."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> bool:
        """Wait for `seconds`, or less if it is time to come to an end meanwhile; tells whether it is."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return self._event.is_set()
        return True
