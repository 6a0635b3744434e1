"""What holds for every request before a route sees it: its size, its time, its sender, and safe headers."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.control.problems import Problem, answer_of
from shared.config.settings import ControlSettings

SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")
TOO_LARGE = "too_large"


class Guard:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, settings: ControlSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request within its limits."""
        if scope["type"] != "http":
            return
        _believe_proxy(scope, self._settings)
        exchange = _Exchange(scope, receive, send, self._settings)
        try:
            problem = exchange.problem_at_once()
            if problem is not None:
                raise problem
            async with asyncio.timeout(self._settings.timeout) as exchange.limit:
                await self._app(scope, exchange.receive, exchange.send)
        except TimeoutError:
            await exchange.refuse(Problem(408, "timeout", "the request took too long"))
        except Problem as problem:
            await exchange.refuse(problem)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: ControlSettings) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._left = int(settings.max_body)
        self._most = self._left
        self._has_begun = False
        self.limit: asyncio.Timeout | None = None

    def problem_at_once(self) -> Problem | None:
        """What the head of the request shows to be wrong."""
        if b"%00" in self._scope["raw_path"] or b"%00" in self._scope["query_string"]:
            return Problem(400, "bad_request", "there is a NUL in the address")
        announced = dict(self._scope["headers"]).get(b"content-length", b"0")
        return self._too_large() if announced.isdigit() and int(announced) > self._most else None

    async def receive(self) -> Message:
        """Return the next part of the body, within its limit."""
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer. A stream of events lasts as long as its reader wants."""
        if message["type"] == "http.response.start":
            self._has_begun = True
            self._complete(message)
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer a problem, unless the answer has begun."""
        if not self._has_begun:
            problem.headers["Connection"] = "close"
            await answer_of(problem)(self._scope, self._receive, self.send)

    def _complete(self, message: MutableMapping[str, Any]) -> None:
        own = {name.lower() for name, _ in message["headers"]}
        safe = [*SAFE_HEADERS, *([HSTS] if self._scope["scheme"] == "https" else [])]
        message["headers"] = [*message["headers"], *(each for each in safe if each[0] not in own)]
        if (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"] and self.limit:
            self.limit.reschedule(None)

    def _too_large(self) -> Problem:
        return Problem(413, TOO_LARGE, f"a request may have {self._most} octets")


def _believe_proxy(scope: Scope, settings: ControlSettings) -> None:
    """Take sender and scheme from `X-Forwarded-*`, if a named proxy wrote them."""
    client = scope.get("client")
    if not client or not _is_proxy(client[0], settings):
        return
    headers = dict(scope["headers"])
    if headers.get(b"x-forwarded-proto") in {b"http", b"https"}:
        scope["scheme"] = headers[b"x-forwarded-proto"].decode()
    chain = [each.strip() for each in headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")]
    for address in reversed([each for each in chain if each]):
        if _address(address) is None:
            return
        scope["client"] = (address, 0)
        if not _is_proxy(address, settings):
            return


def _is_proxy(text: str, settings: ControlSettings) -> bool:
    address = _address(text)
    return address is not None and any(
        address in network for network in settings.proxies if network.version == address.version
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
