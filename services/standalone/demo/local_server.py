"""A TCP server on a local port, which runs as long as its `async with` block."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Self

BACKLOG = 500
"""Connections that may wait to be accepted: tests open hundreds at once."""


class LocalServer:
    """Serves each connection by `serve`. `port` 0 takes a free one. With `implicit_tls`, TLS begins with the
    first byte.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, implicit_tls: ssl.SSLContext | None = None
    ) -> None:
        self.host = host
        self.port = port
        self._implicit_tls = implicit_tls
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self.run_session, self.host, self.port, ssl=self._implicit_tls, backlog=BACKLOG
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
        await self.hang_up()
        await self._server.wait_closed()

    async def hang_up(self) -> None:
        """Close all connections without a reply."""
        sessions = dict(self._sessions)
        for writer in sessions.values():
            writer.transport.abort()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        raise NotImplementedError

    async def run_session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, and close it."""
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = writer
        try:
            # The client is gone, or the server ends.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self.serve(reader, writer)
        finally:
            del self._sessions[task]
            writer.close()
