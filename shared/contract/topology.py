"""The broker's topology as data: what must exist so that no event is lost on its way.

Queues are quorum queues, so that a confirmed event survives the loss of a node. A retry queue holds events
for one delay and then returns them to the relay, at least once. Nothing here knows a broker: adapters
declare what this describes.
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

SECOND_STEP_PART = 20
"""Each retry delay has a second step that is longer by this part (a twentieth)."""
CLOCK_TOLERANCE = 1.5
"""Retries come later than they should, as events stand in a queue, and clocks differ: by this factor at
most.
"""
WAIT_STEPS = (1, 5, 15, 60)
"""Steps in seconds that always exist, for waits that no retry delay fits."""
BUSY_DELAY = WAIT_STEPS[0]
"""The shortest delay in seconds of an event whose target is busy."""
MAX_LATENESS = 30.0
"""The most seconds by which an event that waits for something may come back too late."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue, bound to the exchange by `key`. After `delay` seconds its events move on to `then`."""

    name: str
    key: str
    delay: int | None = None
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The exchange and its durable queues. `delays` are the retry queues' steps in rising seconds."""

    exchange: str
    queues: tuple[Queue, ...]
    delays: tuple[int, ...]

    def retry_key(self, delay: float) -> str:
        """Return the routing key of the longest step not above `delay`, or of the shortest step.

        Waking too early is harmless, as the database knows when an attempt is due. Waking too late is not.
        """
        fitting = [step for step in self.delays if step <= delay]
        return f"{RETRY_KEY_PREFIX}{max(fitting) if fitting else self.delays[0]}"

    def wait_key(self, delay: float) -> str:
        """Return the routing key for an event that may come back after `delay` seconds, but hardly before.

        That is the shortest step that is not below `delay` and not much longer, or else the longest step
        below.
        """
        longer = [step for step in self.delays if delay <= step <= delay + min(delay, MAX_LATENESS)]
        return f"{RETRY_KEY_PREFIX}{min(longer)}" if longer else self.retry_key(delay)


def second_step(delay: float) -> float:
    """Return the delay's second step. Events that fail together come back in two halves."""
    return delay + int(delay) // SECOND_STEP_PART


def longest_retry_delay(delays: Sequence[float]) -> float:
    """Return how many seconds ahead a retry can be due, with room for clocks that differ.

    A time beyond that was set by a wrong clock.
    """
    return CLOCK_TOLERANCE * second_step(max(delays))


def settled_key(fetcher: str) -> str:
    """Return the routing key of the hints for one fetcher process."""
    return SETTLED_KEY_PREFIX + fetcher


def hint_queue(fetcher: str) -> str:
    """Return the name of one fetcher process's exclusive queue, which ends with its connection."""
    return "mailferry.settled." + fetcher


def topology(delays: Sequence[float]) -> Topology:
    """Return the topology for retry delays in seconds. Raises ValueError without any, or for one below 1."""
    if not delays or min(delays) < 1:
        raise ValueError("retry delays must be given, each at least one second")
    whole = {int(delay) for delay in delays}
    steps = tuple(sorted({*WAIT_STEPS, *whole, *(int(second_step(step)) for step in whole)}))
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
