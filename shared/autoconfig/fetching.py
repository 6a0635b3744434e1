"""Fetches one small document by HTTPS: from servers whose names strangers choose.

The certificate is verified. A redirect is followed to https only, and each server's address is checked by
the address policy. Time and size are bounded. Nothing of the document is trusted.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult, urljoin, urlsplit

from shared.autoconfig.xml_tree import LARGEST_DOCUMENT
from shared.model.address_policy import ANYWHERE, AddressPolicy
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault, MailferryError, quoted
from shared.net.dial import dial

LARGEST_ANSWER = LARGEST_DOCUMENT + 64 * 1024
"""Octets: the document and its header."""
MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotFetched(MailferryError):
    """The server has no such document, or its answer is not used. The sentence says why."""

    fault = Fault.SOURCE


@dataclass(frozen=True, slots=True)
class Web:
    """How to reach servers. `seconds`: for one document with all redirects, or for another question.

    `ca_file`, `https_port` and `http_port` are there for tests.
    """

    addresses: AddressPolicy = ANYWHERE
    seconds: float = 6.0
    ca_file: str | None = None
    https_port: int = 443
    http_port: int = 80


async def fetch(url: str, web: Web) -> bytes:
    """Return the document at an https URL, or at an http one, which is not encrypted.

    Raises `NotFetched` and `NetworkError`.
    """
    until = asyncio.get_running_loop().time() + web.seconds
    first = url
    for _ in range(MOST_REDIRECTS + 1):
        parts = urlsplit(url)
        answer = parse_answer(await _asked(parts, web, until), parts.netloc)
        if isinstance(answer, bytes):
            return answer
        url = redirected(url, answer)
    raise NotFetched(f"{quoted(urlsplit(first).netloc)} redirects more than {MOST_REDIRECTS} times.")


@dataclass(frozen=True, slots=True)
class Redirect:
    """The document is elsewhere."""

    location: str


def parse_answer(answer: bytes, server: str) -> bytes | Redirect:
    """Return the body of an HTTP answer, or where the document is. Raises `NotFetched`."""
    name = quoted(server)
    response = http.client.HTTPResponse(cast(socket.socket, _Received(answer)), method="GET")
    try:
        response.begin()
        if response.status in _REDIRECTS:
            return Redirect(response.headers.get("Location", ""))
        if response.status != 200:
            raise NotFetched(f"{name} answers {response.status} {quoted(response.reason, 40)}".rstrip() + ".")
        return response.read()
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise NotFetched(f"{name} does not answer as a web server should.") from error


def redirected(url: str, redirect: Redirect) -> str:
    """Return the URL that a redirect leads to. Raises `NotFetched` unless it is https."""
    name = quoted(urlsplit(url).netloc)
    try:
        parts = urlsplit(urljoin(url, redirect.location))
        has_port = parts.port is not None
    except ValueError:
        raise NotFetched(f"{name} redirects to what is no URL.") from None
    if parts.scheme != "https":
        raise NotFetched(f"{name} redirects to {quoted(parts.scheme)}, which is not followed.")
    if has_port or parts.username is not None or not parts.hostname:
        raise NotFetched(f"{name} redirects to {quoted(parts.netloc)}, which is not followed.")
    return parts.geturl()


async def _asked(parts: SplitResult, web: Web, until: float) -> bytes:
    """Return all that the server answers; `until` is a moment of the event loop's clock."""
    is_https = parts.scheme == "https"
    host = parts.hostname or ""
    endpoint = Endpoint(
        host,
        web.https_port if is_https else web.http_port,
        Tls.IMPLICIT if is_https else Tls.OFF,
        ca_file=web.ca_file,
        addresses=web.addresses,
    )
    loop = asyncio.get_running_loop()
    connection = await dial(
        endpoint, connect_timeout=until - loop.time(), inactivity_timeout=web.seconds, fault=Fault.SOURCE
    )
    try:
        connection.set_deadline(until - loop.time())
        connection.write(_request(parts, host))
        answer = b""
        while data := await connection.read():
            answer += data
            if len(answer) > LARGEST_ANSWER:
                raise NotFetched(f"{quoted(host)} sends more than {LARGEST_ANSWER // 1024} KiB.")
        return answer
    finally:
        connection.abort()


def _request(parts: SplitResult, host: str) -> bytes:
    """Return the request. HTTP/1.0, so that the answer ends with the connection."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not (target + host).isascii() or not (target + host).isprintable() or " " in target:
        raise NotFetched(f"{quoted(host)} redirects to what is no URL.")
    lines = (
        f"GET {target} HTTP/1.0",
        f"Host: {host}",
        "Accept: text/xml, application/xml",
        "Accept-Encoding: identity",
        "User-Agent: Mailferry",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


class _Received:
    """What http.client reads an answer from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_mode: object) -> io.BytesIO:
        return io.BytesIO(self._data)
