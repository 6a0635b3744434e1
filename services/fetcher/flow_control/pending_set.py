"""What one visit waits for: hints that its mails are settled, and room for more of them."""

from __future__ import annotations

import asyncio


class PendingSet:
    """The messages whose settlement one visit waits for, and those that were `settled` meanwhile."""

    def __init__(self) -> None:
        self.outstanding: set[str] = set()
        self.settled: set[str] = set()
        self._changed = asyncio.Event()
        self.ended = False

    def mark_settled(self, message: str) -> None:
        """Record that a message was settled."""
        self.outstanding.discard(message)
        self.settled.add(message)
        self._changed.set()

    def wake(self) -> None:
        """Wake the visit: there may be room now."""
        self._changed.set()

    def end_waits(self) -> None:
        """End this wait and all later ones."""
        self.ended = True
        self._changed.set()

    async def wait_for_change(self, patience: float) -> bool:
        """Wait for the next hint or room; return False when none came within `patience` seconds, or when
        waits were ended.
        """
        if self.ended:
            return False
        self._changed.clear()
        try:
            async with asyncio.timeout(patience):
                await self._changed.wait()
        except TimeoutError:
            return False
        return not self.ended
