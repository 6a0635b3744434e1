"""Waits on this machine for the browser that comes back from a sign-in (RFC 8252, section 7.3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from shared.oauth.providers import is_loopback
from shared.oauth.requests import SignInRefused, UnfitRedirect

LOOPBACK, LOOPBACK6 = "127.0.0.1", "::1"
LONGEST_HEADER = 16 * 1024
READ_TIMEOUT = 10.0
DONE = "You have signed in. Close this window, and see what Mailferry says."
REFUSED = "The provider refused the sign-in. See what Mailferry says."
_PAGE = (
    "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n"
    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}"
)


class Loopback:
    """A page on loopback. `take` returns the code in a URL, or raises as `code_of` does."""

    def __init__(self, redirect: str) -> None:
        self.redirect = redirect
        self._take: Callable[[str], str] | None = None
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def code(self, take: Callable[[str], str]) -> str:
        """Return the code that the browser brings. Raises `SignInRefused`."""
        self._take = take
        return await self._code

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. One that does not belong to the sign-in is refused, and the wait goes on."""
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                header = await reader.readuntil(b"\r\n\r\n")
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            writer.close()
            return
        status, text = self._answer(header.split(b"\r\n", 1)[0].decode("latin-1"))
        writer.write(_PAGE.format(status=status, length=len(text), text=text).encode())
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    def _answer(self, request_line: str) -> tuple[str, str]:
        words = request_line.split(" ")
        if len(words) != 3 or words[0] != "GET" or self._take is None:
            return "405 Method Not Allowed", "This page takes the answer of a sign-in only."
        if urlsplit(words[1]).path != (urlsplit(self.redirect).path or "/"):
            return "404 Not Found", "There is nothing here."
        try:
            code = self._take(words[1])
        except UnfitRedirect as error:
            return "400 Bad Request", str(error)
        except SignInRefused as error:
            if not self._code.done():
                self._code.set_exception(error)
            return "200 OK", REFUSED
        if not self._code.done():
            self._code.set_result(code)
        return "200 OK", DONE


def is_here(redirect: str) -> bool:
    """Return whether a browser that is sent to `redirect` comes to this machine by http."""
    parts = urlsplit(redirect)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


@asynccontextmanager
async def listening(redirect: str) -> AsyncIterator[Loopback]:
    """Listen where `redirect` leads; on any free port where it names none. Raises OSError."""
    parts = urlsplit(redirect)
    page = Loopback(redirect)
    server = await asyncio.start_server(page.serve, LOOPBACK, parts.port or 0, limit=LONGEST_HEADER)
    port = server.sockets[0].getsockname()[1]
    page.redirect = f"http://{parts.hostname}:{port}{parts.path}"
    servers = [server]
    # A browser may take the name localhost for the address ::1, which not every machine has.
    with contextlib.suppress(OSError):
        servers.append(await asyncio.start_server(page.serve, LOOPBACK6, port, limit=LONGEST_HEADER))
    try:
        yield page
    finally:
        for each in servers:
            each.close()
