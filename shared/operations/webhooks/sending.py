"""Sends one delivery: to a public address only, once, without following redirects, in bounded time."""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast
from urllib.parse import SplitResult, urlsplit

from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault, MailferryError, quoted
from shared.net.dial import dial

LARGEST_ANSWER = 64 * 1024
PUBLIC_ONLY = AddressPolicy(public_only=True)
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Receivers:
    """How to reach receivers. `seconds`: for one delivery. `ca_file` is there for tests."""

    addresses: AddressPolicy = PUBLIC_ONLY
    seconds: float = 10.0
    ca_file: str | None = None


class Answered(NamedTuple):
    """What a receiver answered; `sentence` says what came of it."""

    accepted: bool
    sentence: str


class UrlUnusable(MailferryError):
    """A webhook's URL cannot be one."""

    temporary = False
    fault = Fault.OPERATOR


def checked_url(url: str) -> SplitResult:
    """Return the parts of a webhook's URL. Raises `UrlUnusable`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlUnusable("this is no URL") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise UrlUnusable("expected https://host/path")
    if parts.username is not None or parts.fragment:
        raise UrlUnusable("a user name or a fragment cannot be in the URL of a webhook")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise UrlUnusable("a URL has printable ASCII characters only")
    return parts


async def send(url: str, body: bytes, headers: Mapping[str, str], receivers: Receivers) -> Answered:
    """Send a delivery; return what came of it. Never raises because of the receiver."""
    try:
        async with asyncio.timeout(receivers.seconds):
            status = await _status(checked_url(url), body, headers, receivers)
    except TimeoutError:
        return Answered(False, f"no answer within {receivers.seconds:g} s")
    except MailferryError as error:
        return Answered(False, str(error))
    if 200 <= status < 300:
        return Answered(True, f"answered {status}")
    note = "; redirects are not followed" if 300 <= status < 400 else ""
    return Answered(False, f"answered {status}{note}")


async def _status(parts: SplitResult, body: bytes, headers: Mapping[str, str], receivers: Receivers) -> int:
    host = parts.hostname or ""
    endpoint = Endpoint(
        host,
        parts.port or PORTS[parts.scheme],
        Tls.IMPLICIT if parts.scheme == "https" else Tls.OFF,
        ca_file=receivers.ca_file,
        addresses=receivers.addresses,
    )
    connection = await dial(
        endpoint,
        connect_timeout=receivers.seconds,
        inactivity_timeout=receivers.seconds,
        fault=Fault.TARGET,
    )
    try:
        connection.write(_request(parts, body, headers))
        answer = b""
        while b"\r\n\r\n" not in answer and (data := await connection.read()):
            answer += data
            if len(answer) > LARGEST_ANSWER:
                break
        return _status_in(answer, host)
    finally:
        connection.abort()


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = (
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        "User-Agent: Mailferry",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii") + body


def _status_in(answer: bytes, host: str) -> int:
    response = http.client.HTTPResponse(cast(socket.socket, _Received(answer)), method="POST")
    try:
        response.begin()
    except (http.client.HTTPException, OSError, ValueError) as error:
        sentence = f"{quoted(host)} does not answer as a web server should"
        raise MailferryError(sentence, fault=Fault.TARGET) from error
    return response.status


class _Received:
    """What http.client reads an answer from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_mode: object) -> io.BytesIO:
        return io.BytesIO(self._data)
