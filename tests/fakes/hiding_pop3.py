"""A POP3 server that consumes what was read: after QUIT it lists no mail that was retrieved, deleted or
not.
"""

from __future__ import annotations

import asyncio
import ssl

from services.standalone.demo.pop3_session import Maildrop, Pop3Session
from services.standalone.demo.pop3_source import Pop3Source


class HidingPop3Server(Pop3Source):
    """Keeps in `hidden` what it does not show any more."""

    def __init__(self, mailboxes: dict[str, list[tuple[str, bytes]]], *, password: str = "secret") -> None:
        super().__init__(mailboxes, password=password)
        self.hidden: list[tuple[str, bytes]] = []
        self.commands: list[str] = []

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        return HidingSession(self, reader, writer)

    def shown(self, user: str) -> list[str]:
        """The uids that the next session of `user` lists."""
        return [uid for uid, _ in self.maildrops[user].mails]


class HidingSession(Pop3Session):
    def __init__(
        self, server: HidingPop3Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tls: ssl.SSLContext | None = None
        super().__init__(server.maildrops, reader, writer, tls)
        self._server = server
        self._read: set[int] = set()

    async def answer(self, line: str) -> bytes:
        self._server.commands.append(line)
        verb, _, argument = line.partition(" ")
        answered = await super().answer(line)
        if verb == "RETR" and answered.startswith(b"+OK"):
            self._read.add(int(argument))
        if verb == "QUIT" and self._maildrop is not None:
            self._hide(self._maildrop)
        return answered

    def _hide(self, maildrop: Maildrop) -> None:
        read = [self._mails[number - 1] for number in sorted(self._read)]
        self._server.hidden += [mail for mail in read if mail in maildrop.mails]
        maildrop.mails[:] = [mail for mail in maildrop.mails if mail not in read]
