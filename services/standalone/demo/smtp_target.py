"""A small SMTP server on a local port: the target of `mailferry demo`. The tests derive theirs from it.

A mail that it answered with 250 is in `accepted`, or was given to `on_mail`. Nothing survives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from typing_extensions import override

from services.standalone.demo.local_server import LocalServer
from services.standalone.demo.smtp_session import AcceptedMail, SmtpSession, SmtpSettings

SIZE_LIMIT = 64 * 1024 * 1024


def accept_all(_recipient: str) -> str | None:
    """Refuse no recipient."""
    return None


class SmtpTarget(LocalServer):
    """Accepts mail. `refuse_recipient` returns a refusing reply, such as `550 5.1.1 Unknown`, or None."""

    def __init__(
        self,
        *,
        port: int = 0,
        size_limit: int = SIZE_LIMIT,
        refuse_recipient: Callable[[str], str | None] = accept_all,
        on_mail: Callable[[AcceptedMail], None] | None = None,
    ) -> None:
        super().__init__(port=port)
        self.accepted: list[AcceptedMail] = []
        self.settings = SmtpSettings(
            keywords=("PIPELINING", "8BITMIME", f"SIZE {size_limit}"),
            size_limit=size_limit,
            refuse_recipient=refuse_recipient,
            on_mail=on_mail or self.accepted.append,
        )

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> SmtpSession:
        """Return the session for a new connection."""
        return SmtpSession(self.settings, reader, writer)

    @override
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.session(reader, writer).run()
