"""How long much may go on waiting for a batch to be full."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.ports.clock import Clock


class BatchTimer:
    """From when much began to wait, `seconds` long."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._nap: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has waited long enough."""
        return self._seconds <= 0 or (self._nap is not None and self._nap.done())

    @property
    def awaited(self) -> Sequence[asyncio.Future[None]]:
        """What is done when it is over, while it is not."""
        return () if self._nap is None or self._nap.done() else (self._nap,)

    def go_on(self, much: bool) -> None:
        """Go on waiting, or begin to, if there is `much`."""
        if not much:
            self.stop()
        elif self._nap is None and self._seconds > 0:
            self._nap = asyncio.ensure_future(self._clock.sleep(self._seconds))

    def stop(self) -> None:
        """Nothing waits any more."""
        if self._nap is not None:
            self._nap.cancel()
            self._nap = None
