"""A small POP3 server on a local port: the source of `mailferry demo`. The tests derive theirs from it.

It keeps to RFC 1939: one session at a time has a mailbox open, and mails marked by DELE are removed at QUIT
and not before.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

from typing_extensions import override

from services.standalone.demo.local_server import LocalServer
from services.standalone.demo.pop3_session import Maildrop, Pop3Session


class Pop3Source(LocalServer):
    """Serves `mailboxes`: user name to a list of (uid, raw mail), which may change meanwhile.

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
    ) -> None:
        super().__init__(implicit_tls=tls if implicit_tls else None)
        self.maildrops = {user: Maildrop(password, mails) for user, mails in mailboxes.items()}
        self.tls = tls

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        """Return the session for a new connection."""
        return Pop3Session(self.maildrops, reader, writer, self.tls)

    @override
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.session(reader, writer).run()
