"""Attempts that have ended wait here to be concluded together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.contract.events import MessageRouted
from shared.custody.commands import Outcomes
from shared.ports.broker import Subscription
from shared.ports.clock import Clock
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.consumer import Received


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An attempt that ended: the event it was made for, the outcomes, and where the delivery is to be
    acknowledged.
    """

    received: Received[MessageRouted]
    outcomes: Outcomes
    subscription: Subscription


class EndedAttempts:
    """In the order of their ends, handed out in batches as the appetite has them."""

    def __init__(self, clock: Clock, appetite: BatchPolicy) -> None:
        self._clock = clock
        self._appetite = appetite
        self._waiting: deque[Conclusion] = deque()
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._under_way = 0
        self._hurries = 0

    def begun(self) -> None:
        """An attempt has begun, whose end is to be waited for."""
        self._under_way += 1

    def add(self, conclusion: Conclusion) -> None:
        """An attempt has ended."""
        self._under_way -= 1
        self._waiting.append(conclusion)
        self._arrived.set()
        if self._is_enough:
            self._enough.set()

    async def batch(self) -> list[Conclusion]:
        """The next to be concluded, at least one."""
        await self._arrived.wait()
        appetite, waiting = self._appetite, self._waiting
        await self._clock.sleep(appetite.linger)
        if appetite.filling > 0 and appetite.is_much(len(waiting)):
            await self._fill(appetite.filling)
        batch = [waiting.popleft() for _ in range(min(appetite.batch, len(waiting)))]
        if not waiting:
            self._arrived.clear()
        return batch

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Meanwhile no batch waits to be full."""
        self._hurries += 1
        self._enough.set()
        try:
            yield
        finally:
            self._hurries -= 1

    async def _fill(self, seconds: float) -> None:
        """Wait for a full batch, but not where it cannot become one."""
        if self._is_enough:
            return
        self._enough.clear()
        waits = [asyncio.ensure_future(each) for each in (self._enough.wait(), self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    @property
    def _is_enough(self) -> bool:
        waiting = self._waiting
        full = len(waiting) >= self._appetite.batch
        last = self._under_way <= 0 or waiting[-1].subscription.is_full
        return full or last or self._hurries > 0
