"""The in-process broker's queue of dead letters, which nobody consumes: it keeps the latest and stays small.

What falls off is no mail: the mail of a dead event is still at its source, and comes again when its lease is
over. Each dead letter was logged when it was buried.
"""

from __future__ import annotations

from collections import deque

import structlog

from shared.adapters.memory_queue import WorkQueue

EVENTS = 1000
OCTETS = 16 * 1024 * 1024
ONE_FLOW = ""

log = structlog.get_logger("mailferry.broker")


class DeadLetters(WorkQueue):
    """A work queue of at most so many events and octets; the oldest make room."""

    def __init__(self, events: int = EVENTS, octets: int = OCTETS) -> None:
        super().__init__()
        self._most_events = events
        self._most_octets = octets
        self._sizes: deque[int] = deque()
        self._octets = 0

    def put(self, body: bytes, flow: str) -> None:
        """Take an event, and let go of the oldest where there are too many; all are one flow here."""
        if not self._ready:
            self._sizes.clear()
            self._octets = 0
        super().put(body, ONE_FLOW)
        self._sizes.append(len(body))
        self._octets += len(body)
        dropped = 0
        while self._ready and (len(self._sizes) > self._most_events or self._octets > self._most_octets):
            self._ready.popleft()
            self._octets -= self._sizes.popleft()
            dropped += 1
        if dropped:
            log.warning("dead letters dropped", count=dropped)
