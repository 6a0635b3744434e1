"""The HTTP server: uvicorn, with bounds on what it leaves open.

A client that sends the head of its request slowly is cut off, as is one that reads nothing of its answer.
uvicorn itself has a limit only between two requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from shared.config.settings import ControlSettings
from shared.config.values import Listen
from shared.model.errors import ConfigurationError, Fault, MailferryError

HEAD_DEADLINE = 10.0
"""Seconds for the head of a request, from the connection or the end of the request before it."""
MAX_HEAD = 16 * 1024
KEEP_ALIVE = 30
BACKLOG = 128
MOST_CONNECTIONS = 1000
FILES_PER_CONNECTION = 4
"""Of the files that the process may open, a quarter is for connections; the services need the others."""
SHUTDOWN = 5
"""Seconds for requests under way when the process is to end."""


class ControlUnavailable(MailferryError):
    """The port is in use, or the address is not one of this machine. Both may change."""

    fault = Fault.OPERATOR


def check_exposure(settings: ControlSettings, origin: str) -> None:
    """Raise `ConfigurationError` where passwords would cross a network in clear."""
    listen = settings.listen
    if listen is None or _is_loopback(listen.host):
        return
    if settings.certificate or settings.proxies or settings.without_tls:
        return
    sentence = (
        f'{origin}: [control] "listen": {listen} can be reached from other machines, and passwords and '
        "tokens would cross the network in clear; set tls_certificate and tls_key, name the proxy before it "
        "in proxies, or set without_tls = true"
    )
    raise ConfigurationError([sentence])


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for the head of each request."""

    _head_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        super().connection_made(transport)
        self._await_head()

    @override
    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and not self._has_request():
            self._await_head()
        super().data_received(data)
        if self._has_request():
            self._end_wait()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)

    def _has_request(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_DEADLINE, self._cut_off)

    def _end_wait(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cut_off(self) -> None:
        self._head_timer = None
        self.transport.abort()


class ControlServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has its own."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def server_for(app: Any, settings: ControlSettings) -> ControlServer:
    """Return a server for the application."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    certificate = settings.certificate
    return ControlServer(
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=True,
            backlog=BACKLOG,
            limit_concurrency=_most_connections(),
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=SHUTDOWN,
            h11_max_incomplete_event_size=MAX_HEAD,
            ssl_certfile=certificate[0] if certificate else None,
            ssl_keyfile=certificate[1] if certificate else None,
        )
    )


def listening_socket(listen: Listen) -> socket.socket:
    """Return a socket that listens. Raises `ControlUnavailable`."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        sentence = f"[control] listen: {listen} cannot be used: {error.strerror or error}"
        raise ControlUnavailable(sentence) from error


def _most_connections() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, max(16, soft // FILES_PER_CONNECTION))


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
