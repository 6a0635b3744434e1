"""Answers that are kept for some time: many readers ask for them, and the database works for them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import structlog

from shared.model.errors import MailferryError

LASTS = 5.0
"""Seconds for which an answer is given again. Counting 100,000 accounts takes the database 0.2 s of CPU, and
each open page asks every few seconds.
"""
AGED_AT_MOST = 600.0
"""Seconds for which an answer that is made anew beside is still given."""
MOST = 200
Answer = TypeVar("Answer")

log = structlog.get_logger("mailferry.control")


class _Kept(NamedTuple):
    made_at: float
    answer: Any
    until_acts: bool


class RecentAnswers:
    """Answers by what was asked. An act of this process makes them old, unless they do not depend on what is
    done; acts of other processes show later.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._under_way: dict[Hashable, asyncio.Task[None]] = {}

    async def get(
        self,
        key: Hashable,
        now: float,
        make: Callable[[], Awaitable[Answer]],
        lasts: float = LASTS,
        *,
        until_acts: bool = True,
    ) -> Answer:
        """Return the answer to `key`, made anew if there is none that is younger than `lasts` at `now`."""
        kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept.made_at < lasts:
            answer: Answer = kept.answer
            return answer
        return await self._make(key, now, make, until_acts=until_acts)

    async def get_aged(self, key: Hashable, now: float, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to `key` that there is. One older than `LASTS` is made anew beside, for the next
        reader; one older than `AGED_AT_MOST` is not given.
        """
        kept = self._kept.get(key)
        if kept is None or not 0 <= now - kept.made_at < AGED_AT_MOST:
            return await self._make(key, now, make, until_acts=False)
        if now - kept.made_at >= LASTS and key not in self._under_way:
            task = asyncio.create_task(self._made_beside(key, now, make))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        answer: Answer = kept.answer
        return answer

    async def settled(self) -> None:
        """Wait until what is made beside is made."""
        await asyncio.gather(*self._under_way.values())

    def forget(self) -> None:
        """Have everything asked anew that depends on what is done: something was changed."""
        for key in [key for key, kept in self._kept.items() if kept.until_acts]:
            del self._kept[key]

    async def _make(
        self, key: Hashable, now: float, make: Callable[[], Awaitable[Answer]], *, until_acts: bool
    ) -> Answer:
        made = await make()
        self._kept[key] = _Kept(now, made, until_acts)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return made

    async def _made_beside(self, key: Hashable, now: float, make: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self._make(key, now, make, until_acts=False)
        except MailferryError as error:
            log.warning("what is shown is older than it should be", error=error)
