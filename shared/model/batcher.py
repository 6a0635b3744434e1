"""Items that are processed together: a transaction or a round trip costs about the same for one as for many.

`Batcher` collects one batch for whoever adds to it, `BatchQueue` hands out batches to the tasks that wait for
them. Both begin a batch early when it is full, and late when the items come slowly.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Generic, TypeVar

from shared.model.fair_queue import FairQueue

T = TypeVar("T")


class Batcher(Generic[T]):
    """Collects one batch after the other.

    A batch is full with `most_items` items or `most_octets` octets. One that is not full is due `linger`
    seconds after its first item was added.
    """

    def __init__(self, most_items: int, most_octets: int = sys.maxsize, linger: float = inf) -> None:
        self._most_items = most_items
        self._most_octets = most_octets
        self._linger = linger
        self._items: list[T] = []
        self._octets = 0
        self._first_at = 0.0

    def add_item(self, item: T, octets: int = 0, now: float = 0.0) -> None:
        """Add an item of so many octets; `now` is monotonic, in seconds."""
        if not self._items:
            self._first_at = now
        self._items.append(item)
        self._octets += octets

    def has_room_for(self, octets: int) -> bool:
        """Whether an item of so many octets still fits; the first one always does."""
        if not self._items:
            return True
        return len(self._items) < self._most_items and self._octets + octets <= self._most_octets

    def is_due(self, now: float) -> bool:
        """Whether the batch should be processed: it is full, or its first item has waited long enough."""
        if not self._items:
            return False
        if len(self._items) >= self._most_items or self._octets >= self._most_octets:
            return True
        return now - self._first_at >= self._linger

    def take_batch(self) -> list[T]:
        """Return the items collected so far, and begin a new batch."""
        items, self._items, self._octets = self._items, [], 0
        return items


class BatchQueue(Generic[T]):
    """A fair queue that is emptied in batches by any number of tasks; each item is handed out once.

    A task that waits is woken when there is enough for it, not by each item: a full batch costs one wake-up.
    `sleep` is that of the clock.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._items: FairQueue[T] = FairQueue()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._items)

    def add_item(self, flow: str, item: T) -> None:
        """Add an item at the end of its flow."""
        self._items.append(flow, item)
        if self._waiters:
            self._wake_waiters()

    def clear(self) -> None:
        """Forget all items."""
        self._items.clear()

    async def next_batch(self, most: int, linger: float) -> list[T]:
        """Wait for the first item, and `linger` seconds for `most` items; return those, at least one."""
        items = self._items
        if items:
            # A service that never has to wait must still let the others run.
            await asyncio.sleep(0)
        while True:
            await self.wait_for_first()
            if linger > 0:
                await self.linger(most, linger)
            # Meanwhile another task may have taken them, or they were forgotten.
            if items:
                return items.take(most)

    async def wait_for_first(self) -> None:
        """Wait until there is an item."""
        while not self._items:
            with self._waiting_for(1) as arrival:
                await arrival

    async def linger(self, most: int, seconds: float) -> None:
        """Wait until there are `most` items, for so many seconds, or until `end_lingering`."""
        if len(self._items) >= most:
            return
        with self._waiting_for(most) as enough:
            timer = asyncio.ensure_future(self._sleep(seconds))
            timer.add_done_callback(lambda _: _resolve(enough))
            try:
                await enough
            finally:
                timer.cancel()

    def take_batch(self, most: int) -> list[T]:
        """Return up to `most` items without waiting."""
        return self._items.take(most)

    def end_lingering(self) -> None:
        """Have tasks that wait for more items go on with what there is."""
        if self._items:
            for _, waiter in self._waiters:
                _resolve(waiter)

    @contextmanager
    def _waiting_for(self, count: int) -> Iterator[asyncio.Future[None]]:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((count, waiter))
        try:
            yield waiter
        finally:
            self._waiters.remove((count, waiter))

    def _wake_waiters(self) -> None:
        count = len(self._items)
        for wanted, waiter in self._waiters:
            if count >= wanted:
                _resolve(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
