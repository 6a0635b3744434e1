"""The deliveries that a consumer holds but has not yet handed to its service.

Promises: deliveries of a flow come out in the order they went in, and flows in turn; a waiting `batch` wakes
when there is enough for it, not at every arrival, so that a full batch costs one wake-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from shared.model.fair_queue import FairQueue
from shared.ports.broker import Delivery
from shared.ports.clock import Clock


class Inbox:
    """A queue of deliveries, taken in batches by any number of tasks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: FairQueue[Delivery] = FairQueue()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def put(self, delivery: Delivery) -> None:
        """Add a delivery."""
        self._held.append(delivery.flow, delivery)
        if self._waiters:
            self._wake()

    def clear(self) -> None:
        """Forget the deliveries of a session that ended."""
        self._held.clear()

    async def batch(self, limit: int, linger: float) -> list[Delivery]:
        """At least one delivery; up to `limit` of those that arrive within `linger` seconds of the first."""
        held = self._held
        if held:
            # A service that never has to wait must still let the others run.
            await asyncio.sleep(0)
        while True:
            while not held:
                with self._waiting_for(1) as arrival:
                    await arrival
            if len(held) < limit and linger > 0:
                await self._linger(limit, linger)
            # Meanwhile another task may have taken them, or the session may have ended.
            if held:
                return held.take(limit)

    async def _linger(self, limit: int, seconds: float) -> None:
        with self._waiting_for(limit) as enough:
            nap = asyncio.ensure_future(self._clock.sleep(seconds))
            nap.add_done_callback(lambda _: _resolve(enough))
            try:
                await enough
            finally:
                nap.cancel()

    @contextmanager
    def _waiting_for(self, count: int) -> Iterator[asyncio.Future[None]]:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((count, waiter))
        try:
            yield waiter
        finally:
            self._waiters.remove((count, waiter))

    def _wake(self) -> None:
        count = len(self._held)
        for wanted, waiter in self._waiters:
            if count >= wanted:
                _resolve(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
