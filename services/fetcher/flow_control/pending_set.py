"""What one session waits for: hints about its messages, and room for more of them."""

from __future__ import annotations

import asyncio


class PendingSet:
    """The messages that one session waits for."""

    def __init__(self) -> None:
        self.outstanding: set[str] = set()
        self.settled: set[str] = set()
        self._news = asyncio.Event()
        self.ended = False

    def post(self, message: str) -> None:
        """A hint came for `message`."""
        self.outstanding.discard(message)
        self.settled.add(message)
        self._news.set()

    def wake(self) -> None:
        """There may be room now."""
        self._news.set()

    def end_waits(self) -> None:
        """Nobody waits for this any more."""
        self.ended = True
        self._news.set()

    async def news(self, patience: float) -> bool:
        """Wait for the next hint or room; False when none came within `patience` seconds, or waits were
        ended.
        """
        if self.ended:
            return False
        self._news.clear()
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return False
        return not self.ended
