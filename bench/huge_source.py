"""A POP3 server with one mail of any size, which it makes while sending."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from services.standalone.demo.pop3_session import Pop3Session
from services.standalone.demo.pop3_source import Pop3Source

USER = "huge"
PASSWORD = "throw-away"
HEADER = b"X-Original-To: huge@here.test\r\nMessage-ID: <huge@sender.test>\r\nSubject: huge\r\n\r\n"
_PIECE = (b"x" * 70 + b"\r\n") * 910


class HugeSession(Pop3Session):
    """The mails of the maildrop stand for one of `octets`."""

    octets = 0

    @override
    async def answer(self, line: str) -> bytes:
        verb = line.partition(" ")[0].upper()
        if verb == "LIST" and self._left:
            return b"+OK\r\n1 %d\r\n.\r\n" % self.octets
        if verb == "RETR" and self._left:
            await self._send()
            return b".\r\n"
        return await super().answer(line)

    async def _send(self) -> None:
        self.writer.write(b"+OK\r\n" + HEADER)
        left = self.octets - len(HEADER)
        while left > len(_PIECE):
            self.writer.write(_PIECE)
            await self.writer.drain()
            left -= len(_PIECE)
        self.writer.write(b"y" * (left - 2) + b"\r\n")
        await self.writer.drain()


class HugeSource(Pop3Source):
    """A mailbox with one mail of `octets`, or none where that is 0."""

    def __init__(self, octets: int) -> None:
        super().__init__({USER: [("huge", b"")] if octets else []}, password=PASSWORD)
        self._octets = octets

    @override
    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        session = HugeSession(self.maildrops, reader, writer, self.tls)
        session.octets = self._octets
        return session
