"""How many events a service takes at a time, and how long it waits for more of them.

A batch costs a transaction and some round trips, however many events are in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.config.settings import BrokerSettings
from shared.ports.clock import Clock

SMALL_PART = 10
"""A backlog of up to a tenth of a batch is small."""


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """Sizes in events, times in seconds.

    `prefetch`: most deliveries that are held without being acknowledged. `batch`: most events in a batch.
    `linger`: how long to wait for more after the first event. `fill_wait`: how long a large backlog may wait
    for a full batch, which costs hardly more than an emptier one. `large_batches`: how many batches of large
    backlogs may be processed at the same time: one can wait for the database while the next is decoded.
    """

    prefetch: int
    batch: int
    linger: float
    fill_wait: float = 0.0
    large_batches: int = 1

    def is_large(self, count: int) -> bool:
        """Whether a backlog of so many events is large."""
        return count > max(1, self.batch // SMALL_PART)


IN_PROCESS = BatchPolicy(prefetch=600, batch=200, linger=0.003, large_batches=2)
"""For a broker and a database in this process: a batch costs little."""
REMOTE = BatchPolicy(prefetch=1200, batch=800, linger=0.003, fill_wait=0.15)
"""For a broker and a database that are reached in round trips."""


def batch_policy_for(broker: BrokerSettings) -> BatchPolicy:
    """Return the policy for this broker."""
    return IN_PROCESS if broker.in_process else REMOTE


class BatchTimer:
    """Measures how long a large backlog has waited for a full batch, at most `seconds`.

    It is no `BatchQueue`: the consumer's loop waits for arrivals, batches and the end at the same time, so it
    needs something to wait for beside them.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._timer: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the backlog has waited long enough."""
        return self._seconds <= 0 or (self._timer is not None and self._timer.done())

    @property
    def awaited(self) -> Sequence[asyncio.Future[None]]:
        """The future that is done when the time is over; none where the timer does not run."""
        return () if self._timer is None or self._timer.done() else (self._timer,)

    def keep_running(self, is_large: bool) -> None:
        """Start the timer if the backlog `is_large` and the timer does not run yet, else stop it."""
        if not is_large:
            self.stop()
        elif self._timer is None and self._seconds > 0:
            self._timer = asyncio.ensure_future(self._clock.sleep(self._seconds))

    def stop(self) -> None:
        """Stop the timer: nothing waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
