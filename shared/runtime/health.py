"""A small HTTP server for monitoring: `/livez`, `/readyz` and `/metrics`.

It understands GET and HEAD, and answers one request per connection. The size of a request, its time and the
number of connections are limited, so that no client blocks it or takes the descriptors of the services.
`/livez` answers as long as the event loop runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.runtime.connection_limit import ConnectionLimit, max_connections

MAX_REQUEST = 8 * 1024
DEADLINE = 5.0
IDLE = 2.0
"""Seconds until the first octet of a request, which clients send at once."""
BACKLOG = 64
"""Connections that may wait in the kernel, and that asyncio accepts at a time."""
JSON = "application/json"

log = structlog.get_logger("mailferry.health")


Check = Callable[[], str | None]
"""Returns a sentence, or None if there is nothing to say."""


class Readiness:
    """Whether a process can work now: named checks, and remarks that do not count against it."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._remarks: dict[str, Check] = {}

    def add_check(self, name: str, check: Check) -> None:
        """Call `check` for each request. It returns what is wrong from what is known, without waiting."""
        self._checks[name] = check

    def set_problem(self, name: str, problem: str | None) -> None:
        """Set what is wrong with `name`, or None, until it is set again."""
        self.add_check(name, lambda: problem)

    def add_remark(self, name: str, remark: Check) -> None:
        """Show what `remark` returns. The process is ready all the same."""
        self._remarks[name] = remark

    def remarks(self) -> dict[str, str]:
        """Return the remarks that are not empty, by name."""
        said = {name: remark() for name, remark in self._remarks.items()}
        return {name: sentence for name, sentence in said.items() if sentence}

    def problems(self) -> dict[str, str | None]:
        """Return what is wrong for each check, or None."""
        return {name: check() for name, check in self._checks.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"

    def encode(self, with_body: bool) -> bytes:
        """Return the answer in HTTP/1.1 (RFC 9112). HEAD gets the same header without the body."""
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
    """Answers requests by their path."""

    def __init__(self, registry: CollectorRegistry, readiness: Readiness) -> None:
        self._registry = registry
        self._readiness = readiness

    def answer(self, request: bytes) -> bytes:
        """Return the answer to the head of a request."""
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
    """Serve until the context ends. Yields the port, which the system chooses if `port` is 0.

    `deadline` is the time in seconds for a request and its answer, `idle` that for its first octet. Raises
    OSError if the address cannot be used.
    """
    pages = HealthPages(registry, readiness)
    limit = ConnectionLimit(max_connections())

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # `drain` waits until the kernel has the whole answer
        with limit.admit(writer.transport):
            try:
                async with asyncio.timeout(deadline):
                    request = await _request(reader, idle)
                    limit.begin_answer(writer.transport)
                    writer.write(_answer(pages, request))
                    await writer.drain()
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                log.debug("a health request was not finished", error=error)
                writer.transport.abort()
            finally:
                writer.close()

    server = await asyncio.start_server(serve_client, host, port, limit=MAX_REQUEST, backlog=BACKLOG)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader, idle: float) -> bytes | None:
    """Read the head of a request; None if it is too long."""
    async with asyncio.timeout(idle):
        head = await reader.read(MAX_REQUEST)
    while (end := head.find(b"\r\n\r\n")) < 0 and len(head) < MAX_REQUEST:
        more = await reader.read(MAX_REQUEST)
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
