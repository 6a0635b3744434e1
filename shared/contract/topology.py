"""The broker's topology as data: what must exist so that no event is ever lost on its way.

Queues are quorum queues, so that a confirmed event survives the loss of a node. A retry queue holds events
for one delay and then hands them back to the relay, at least once. Nothing here knows a broker; adapters
declare what this says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

EXCHANGE = "mailferry.events"
ROUTER_QUEUE = "mailferry.router"
RELAY_QUEUE = "mailferry.relay"
DEAD_QUEUE = "mailferry.dead"
RETRY_QUEUE_PREFIX = "mailferry.retry."

FETCHED_KEY = "message.fetched"
ROUTED_KEY = "message.routed"
DEAD_KEY = "message.dead"
RETRY_KEY_PREFIX = "message.retry."
SETTLED_KEY_PREFIX = "message.settled."

LATER = 20
"""Each retry delay has a second step, longer by one part in so many."""
BELIEVABLE = 1.5
"""Retries come later than they should by the time that they stand in a queue, and clocks differ; not by more
than this factor."""
WAITS = (1, 5, 15, 60)
"""Steps that are always there, in seconds: for what waits a time that no retry delay fits."""
BUSY_DELAY = WAITS[0]
"""Seconds for which an event is put off at least whose target has too much to do already."""
LATE = 30.0
"""Seconds by which what is put off until something happens may come too late at most."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue bound to the exchange by `key`. With `delay` (seconds) its events move on to `then`
    after that time.
    """

    name: str
    key: str
    delay: int | None = None
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The exchange and its durable queues; `delays` are the steps (seconds, rising) that retry queues exist
    for.
    """

    exchange: str
    queues: tuple[Queue, ...]
    delays: tuple[int, ...]

    def retry_key(self, delay: float) -> str:
        """The routing key of the longest step not above `delay`; the shortest step where all are longer.

        Waking too early is harmless, as the database knows when an attempt is due; waking too late is not.
        """
        fitting = [step for step in self.delays if step <= delay]
        return f"{RETRY_KEY_PREFIX}{max(fitting) if fitting else self.delays[0]}"

    def wait_key(self, delay: float) -> str:
        """The routing key for what had better come back after `delay` seconds than before: the shortest step
        that is not below it and not much longer; the longest step below where there is none.
        """
        longer = [step for step in self.delays if delay <= step <= delay + min(delay, LATE)]
        return f"{RETRY_KEY_PREFIX}{min(longer)}" if longer else self.retry_key(delay)


def later(delay: float) -> float:
    """The delay's second step: what fails together comes back in halves."""
    return delay + int(delay) // LATER


def longest_retry_delay(delays: Sequence[float]) -> float:
    """How many seconds ahead a retry can honestly be due, with room for clocks that differ: what is due later
    than that, a clock that was wrong has set.
    """
    return BELIEVABLE * later(max(delays))


def settled_key(fetcher: str) -> str:
    """The routing key of the hints for one fetcher process."""
    return SETTLED_KEY_PREFIX + fetcher


def hint_queue(fetcher: str) -> str:
    """The name of the exclusive queue of one fetcher process, which ends with its connection."""
    return "mailferry.settled." + fetcher


def topology(delays: Sequence[float]) -> Topology:
    """The topology for these retry delays in seconds. Raises ValueError where there is none, or one below a
    second.
    """
    if not delays or min(delays) < 1:
        raise ValueError("retry delays must be given, each at least one second")
    whole = {int(delay) for delay in delays}
    steps = tuple(sorted({*WAITS, *whole, *(int(later(step)) for step in whole)}))
    assert all(earlier < later for earlier, later in pairwise(steps))
    retries = (
        Queue(f"{RETRY_QUEUE_PREFIX}{step}", f"{RETRY_KEY_PREFIX}{step}", delay=step, then=ROUTED_KEY)
        for step in steps
    )
    return Topology(
        EXCHANGE,
        (
            Queue(ROUTER_QUEUE, FETCHED_KEY),
            Queue(RELAY_QUEUE, ROUTED_KEY),
            Queue(DEAD_QUEUE, DEAD_KEY),
            *retries,
        ),
        steps,
    )
