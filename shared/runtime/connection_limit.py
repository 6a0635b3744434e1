"""Limits the connections to the health pages, so that the services keep their file descriptors.

Above the limit, the connection that has waited longest without a request is aborted, not the new one. So a
client that sends its request at once is answered, however many others are silent.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

MAX_CONNECTIONS = 32
"""Prometheus, an orchestrator's probes and a few people need fewer than ten."""
FILES_PER_CONNECTION = 16
"""If the process may open few files, the health pages get one in sixteen of them."""
MIN_CONNECTIONS = 4
LOG_INTERVAL = 60.0
"""Seconds between two log lines about aborted connections."""

log = structlog.get_logger("mailferry.health")


class Connection(Protocol):
    """A connection that can be aborted."""

    def abort(self) -> None:
        """Close at once."""
        ...


class ConnectionLimit:
    """Allows `most` connections."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Connection, None] = {}
        self._answered: set[Connection] = set()
        self._logged_at = float("-inf")
        self._dropped = 0

    @contextmanager
    def admit(self, connection: Connection) -> Iterator[None]:
        """Count a connection that has sent no request yet.

        Above the limit, abort the one that waits longest. That is this one if all others are being answered.
        """
        self._waiting[connection] = None
        if len(self._waiting) + len(self._answered) > self._most:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.abort()
            self._log_drop()
        try:
            yield
        finally:
            self._waiting.pop(connection, None)
            self._answered.discard(connection)

    def begin_answer(self, connection: Connection) -> None:
        """Protect a connection that has sent its request, unless it was aborted already."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._answered.add(connection)

    def _log_drop(self) -> None:
        self._dropped += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= LOG_INTERVAL:
            log.warning("too many connections to the health pages", most=self._most, dropped=self._dropped)
            self._logged_at, self._dropped = now, 0


def max_connections() -> int:
    """Return the limit that suits the number of files that this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, soft // FILES_PER_CONNECTION))
