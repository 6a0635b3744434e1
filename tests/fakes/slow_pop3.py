"""POP3 servers that make a visit wait: one that says nothing at all, and one that drips octets."""

from __future__ import annotations

import asyncio
import contextlib

from services.standalone.demo.local_server import LocalServer

DRIP = 1.0
"""Seconds from one octet to the next."""
MAIL = b"From: a@far.example\r\nSubject: before the drip\r\n\r\nx\r\n"
ANSWERS = {
    b"STAT": b"+OK 2 %d\r\n" % (2 * len(MAIL)),
    b"LIST": b"+OK\r\n1 %d\r\n2 %d\r\n.\r\n" % (len(MAIL), len(MAIL)),
    b"UIDL": b"+OK\r\n1 whole-1\r\n2 drip-1\r\n.\r\n",
    b"CAPA": b"-ERR unknown\r\n",
    b"AUTH": b"-ERR unknown\r\n",
}


class SlowPop3(LocalServer):
    """Says nothing. `connections` counts all, `open` those that are open now."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            await self.converse(reader, writer)
        finally:
            self.open -= 1

    async def converse(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        """Read until the client hangs up."""
        while await reader.read(4096):
            pass


class DrippingPop3(SlowPop3):
    """Lets everybody in and has two mails: `MAIL`, and one that it sends octet by octet, never to its end.
    `dripping` counts the sessions that wait for that one now. Nothing is ever deleted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dripping = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+OK\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper()
            if line.split() == [b"RETR", b"2"]:
                await self._drip(reader, writer)
                return
            whole = b"+OK\r\n" + MAIL + b".\r\n"
            writer.write(whole if verb == b"RETR" else ANSWERS.get(verb, b"+OK\r\n"))
            if verb == b"QUIT":
                return

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.ensure_future(self._client_goes(reader))
        self.dripping += 1
        try:
            writer.write(b"+OK\r\n")
            while not gone.done():
                writer.write(b"x")
                await asyncio.wait([gone], timeout=DRIP)
        finally:
            self.dripping -= 1
            gone.cancel()

    async def _client_goes(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                pass
