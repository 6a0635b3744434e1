"""A small SMTP server on a local port: the target of `mailferry demo`. The tests derive theirs from it.

A mail that it answered with 250 is in `accepted`, or was given to `on_mail`. Nothing survives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from services.standalone.demo.smtp_session import AcceptedMail, Behaviour, Session

SIZE_LIMIT = 64 * 1024 * 1024


def accept_all(_recipient: str) -> str | None:
    """Refuse no recipient."""
    return None


class SmtpTarget:
    """A server that runs as long as its `async with` block.

    `port` 0 takes a free one. `refuse_recipient` returns a refusing reply, such as `550 5.1.1 Unknown`, or
    None.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        size_limit: int = SIZE_LIMIT,
        refuse_recipient: Callable[[str], str | None] = accept_all,
        on_mail: Callable[[AcceptedMail], None] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.accepted: list[AcceptedMail] = []
        self.behaviour = Behaviour(
            keywords=("PIPELINING", "8BITMIME", f"SIZE {size_limit}"),
            size_limit=size_limit,
            refuse_recipient=refuse_recipient,
            on_mail=on_mail or self.accepted.append,
        )
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.hang_up()
        await self._server.wait_closed()

    async def hang_up(self) -> None:
        """Close all connections without a reply."""
        sessions = dict(self._sessions)
        for writer in sessions.values():
            writer.transport.abort()
        await asyncio.gather(*sessions, return_exceptions=True)

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Session:
        """Return the session for a new connection."""
        return Session(self.behaviour, reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions[task] = writer
        try:
            await self.session(reader, writer).run()
        except ConnectionError:
            # The client is gone; if it missed the reply to a mail, it sends the mail again.
            return
        finally:
            del self._sessions[task]
            writer.close()
