"""A small POP3 server on a local port: the source of `mailferry demo`. The tests derive theirs from it.

It keeps to RFC 1939: one session at a time has a mailbox open, and mails marked by DELE are removed at QUIT
and not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from services.standalone.demo.pop3_session import Maildrop, Pop3Session

_MAX_LINE = 64 * 1024


class Pop3Source:
    """Serves `mailboxes` while its `async with` block runs: user name to a list of (uid, raw mail), which may
    change meanwhile.

    All users have the same `password`. With `tls`, STLS is offered, or TLS from the first byte if
    `implicit_tls`.
    """

    def __init__(
        self,
        mailboxes: Mapping[str, list[tuple[str, bytes]]],
        *,
        password: str,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.maildrops = {user: Maildrop(password, mails) for user, mails in mailboxes.items()}
        self.host = host
        self.port = port
        self.tls = tls
        self._implicit_tls = implicit_tls
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve,
            self.host,
            self.port,
            limit=_MAX_LINE,
            ssl=self.tls if self._implicit_tls else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        """Return the session for a new connection."""
        return Pop3Session(self.maildrops, reader, writer, self.tls)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self.session(reader, writer).run()
        finally:
            self._sessions.discard(task)
