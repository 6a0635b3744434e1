"""The small HTTP server for those who watch a process: `/livez`, `/readyz` and `/metrics`.

It understands GET and HEAD, answers one request per connection, and bounds the size of a request, the time
for it, and the number of connections. So a careless client cannot hold it up, nor take the descriptors that
the work needs. `/livez` answers as long as the event loop runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.runtime.connection_limit import ConnectionLimit, most_connections
from shared.runtime.readiness import Readiness

LONGEST_REQUEST = 8 * 1024
DEADLINE = 5.0
IDLE = 2.0
"""Seconds until the first octet of a request; who connects to ask does so at once."""
BACKLOG = 64
"""Connections that may wait in the kernel, and that asyncio accepts at a time."""
JSON = "application/json"

log = structlog.get_logger("mailferry.health")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"

    def encode(self, with_body: bool) -> bytes:
        """The answer as HTTP/1.1 (RFC 9112); HEAD gets the same header without the body."""
        header = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Cache-Control: no-store",
            "Connection: close",
        ]
        if self.status is HTTPStatus.METHOD_NOT_ALLOWED:
            header.append("Allow: GET, HEAD")
        return "\r\n".join([*header, "", ""]).encode("ascii") + (self.body if with_body else b"")


class HealthPages:
    """What each path answers."""

    def __init__(self, registry: CollectorRegistry, readiness: Readiness) -> None:
        self._registry = registry
        self._readiness = readiness

    def answer(self, request: bytes) -> bytes:
        """The answer to the head of a request."""
        parts = request.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return _plain(HTTPStatus.BAD_REQUEST).encode(with_body=True)
        method, target, _ = parts
        if method not in (b"GET", b"HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED).encode(with_body=True)
        return self._page(target.partition(b"?")[0]).encode(with_body=method == b"GET")

    def _page(self, path: bytes) -> Answer:
        match path:
            case b"/livez":
                return _plain(HTTPStatus.OK)
            case b"/readyz":
                return self._ready()
            case b"/metrics":
                return Answer(HTTPStatus.OK, generate_latest(self._registry), CONTENT_TYPE_LATEST)
            case _:
                return _plain(HTTPStatus.NOT_FOUND)

    def _ready(self) -> Answer:
        problems = self._readiness.problems()
        ready = not any(problems.values())
        checks = {name: problem or "ok" for name, problem in problems.items()}
        answer = {"ready": ready, "checks": checks, "remarks": self._readiness.remarks()}
        body = json.dumps(answer).encode("ascii") + b"\n"
        return Answer(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body, JSON)


@asynccontextmanager
async def serve_health(
    host: str,
    port: int,
    registry: CollectorRegistry,
    readiness: Readiness,
    deadline: float = DEADLINE,
    idle: float = IDLE,
) -> AsyncIterator[int]:
    """Serve until the context ends; gives the port, which the system chooses where `port` is 0.

    Raises OSError where the address cannot be had. `deadline` is in seconds, for a request and its answer;
    `idle` for its first octet.
    """
    pages = HealthPages(registry, readiness)
    limit = ConnectionLimit(most_connections())

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # `drain` waits until the system has all of the answer
        with limit.place(writer.transport):
            try:
                async with asyncio.timeout(deadline):
                    request = await _request(reader, idle)
                    limit.answering(writer.transport)
                    writer.write(_answer(pages, request))
                    await writer.drain()
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                log.debug("a health request was not finished", error=error)
                writer.transport.abort()
            finally:
                writer.close()

    server = await asyncio.start_server(converse, host, port, limit=LONGEST_REQUEST, backlog=BACKLOG)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader, idle: float) -> bytes | None:
    """The head of the request; None where it is too long."""
    async with asyncio.timeout(idle):
        head = await reader.read(LONGEST_REQUEST)
    while (end := head.find(b"\r\n\r\n")) < 0 and len(head) < LONGEST_REQUEST:
        more = await reader.read(LONGEST_REQUEST)
        if not more:
            raise asyncio.IncompleteReadError(head, None)
        head += more
    return head[:end] if end >= 0 else None


def _answer(pages: HealthPages, request: bytes | None) -> bytes:
    if request is None:
        return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE).encode(with_body=True)
    return pages.answer(request)


def _plain(status: HTTPStatus) -> Answer:
    return Answer(status, status.phrase.lower().encode("ascii") + b"\n")
