"""How many connections of those who watch a process are open at once, so that its work keeps its descriptors.

Where there is no room, the connection that has waited longest without a request has to go, not the newcomer:
whoever asks at once is answered, however many others hold connections and say nothing.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

MOST_CONNECTIONS = 32
"""Prometheus, an orchestrator's probes and some people need fewer than ten."""
SHARE = 16
"""Where a process may open few files, watchers get one in sixteen of them."""
FEWEST_CONNECTIONS = 4
SILENCE = 60.0
"""Seconds between two log lines about connections that had to go."""

log = structlog.get_logger("mailferry.health")


class Connection(Protocol):
    """What can be broken off."""

    def abort(self) -> None:
        """Close at once."""
        ...


class ConnectionLimit:
    """Room for `most` connections."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Connection, None] = {}
        self._answered: set[Connection] = set()
        self._told_at = float("-inf")
        self._dropped = 0

    @contextmanager
    def place(self, connection: Connection) -> Iterator[None]:
        """A place among those that have sent no request yet; perhaps another connection is aborted for it, or
        this one, where all others are being answered.
        """
        self._waiting[connection] = None
        if len(self._waiting) + len(self._answered) > self._most:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.abort()
            self._tell()
        try:
            yield
        finally:
            self._waiting.pop(connection, None)
            self._answered.discard(connection)

    def answering(self, connection: Connection) -> None:
        """Its request is there: it keeps its place now, unless it has lost it already."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._answered.add(connection)

    def _tell(self) -> None:
        self._dropped += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= SILENCE:
            log.warning("too many connections to the health pages", most=self._most, dropped=self._dropped)
            self._told_at, self._dropped = now, 0


def most_connections() -> int:
    """How many connections suit the number of files that this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, soft // SHARE))
