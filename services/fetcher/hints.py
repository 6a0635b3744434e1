"""The board where `message.settled` hints arrive and sessions wait for them.

A hint only ends a wait early; whether a mail is settled, the database says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from shared.ports.clock import Clock


class Watch:
    """The messages that one session waits for."""

    def __init__(self) -> None:
        self.outstanding: set[str] = set()
        self.settled: set[str] = set()
        self._news = asyncio.Event()

    def post(self, message: str) -> None:
        """A hint came for `message`."""
        self.outstanding.discard(message)
        self.settled.add(message)
        self._news.set()

    async def news(self, patience: float) -> bool:
        """Wait for the next hint; False when none came within `patience` seconds."""
        self._news.clear()
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def all_settled(self, patience: float, longest: float, clock: Clock) -> bool:
        """Wait until nothing is outstanding, no hint came for `patience` seconds, or `longest` seconds have
        passed.
        """
        end = clock.monotonic() + longest
        while self.outstanding and clock.monotonic() < end:
            if not await self.news(patience):
                break
        return not self.outstanding


class HintBoard:
    """All watches of a process."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    def __len__(self) -> int:
        """How many mails are waited for."""
        return len(self._watches)

    def watch(self, watch: Watch, messages: Iterable[str]) -> None:
        """Have hints for `messages` posted to `watch`. Call it before the messages are published."""
        for message in messages:
            watch.outstanding.add(message)
            self._watches[message] = watch

    def post(self, message: str) -> None:
        """A hint came; it is forgotten where no session waits for it any more."""
        watch = self._watches.pop(message, None)
        if watch is not None:
            watch.post(message)

    def forget(self, watch: Watch) -> None:
        """The session is over."""
        for message in watch.outstanding:
            self._watches.pop(message, None)
        watch.outstanding.clear()
