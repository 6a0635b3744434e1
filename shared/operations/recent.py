"""Answers that are kept for some seconds: many readers ask for them, and the database works for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

LASTS = 5.0
"""Seconds for which an answer is given again. Counting 100,000 accounts takes SQLite a quarter of a second of
CPU, and each open page asks every few seconds.
"""
MOST = 200
Answer = TypeVar("Answer")


class RecentAnswers:
    """Answers by what was asked. An act of this process makes all of them old; those of others show later."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()

    async def get(self, key: Hashable, now: float, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to `key`, made anew if there is none that is recent at `now`."""
        kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept[0] < LASTS:
            answer: Answer = kept[1]
            return answer
        made = await make()
        self._kept[key] = now, made
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return made

    def forget(self) -> None:
        """Have everything asked anew: something was changed."""
        self._kept.clear()
