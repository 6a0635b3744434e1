"""An IMAP server with one mail of any size, which it makes while sending and gives in parts.

It hangs up in the middle of the mail as often as it is told.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Self

from bench.huge_source import HEADER

_LINE = b"x" * 70 + b"\r\n"
_LINES = _LINE * 3600
_MOST = len(_LINES) - len(_LINE)
_PART = re.compile(rb"UID FETCH 1 \(UID BODY\.PEEK\[\]<(\d+)\.(\d+)>\)")
_SELECTED = (
    b"* %d EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 2]\r\n* OK [PERMANENTFLAGS (\\Deleted)]\r\n"
)


class HugeImapSource:
    """A mailbox with one mail of `octets`, or none where that is 0. Once, at each octet of `cuts`, the
    connection is reset.
    """

    def __init__(self, octets: int, cuts: list[int]) -> None:
        self.port = 0
        self._octets = octets
        self._cuts = list(cuts)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def cuts_left(self) -> int:
        """How often the server is still to hang up."""
        return len(self._cuts)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 UIDPLUS] hello\r\n")
        try:
            while line := (await reader.readline()).rstrip():
                tag, _, command = line.partition(b" ")
                await self._answer(command, writer)
                writer.write(tag + b" OK done\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, command: bytes, writer: asyncio.StreamWriter) -> None:
        if (part := _PART.fullmatch(command)) is not None:
            await self._send_part(int(part[1]), int(part[2]), writer)
        elif command.startswith((b"SELECT", b"EXAMINE")):
            writer.write(_SELECTED % bool(self._octets))
        elif command.startswith(b"UID FETCH") and b"RFC822.SIZE" in command and self._octets:
            writer.write(b"* 1 FETCH (UID 1 RFC822.SIZE %d)\r\n" % self._octets)
        elif command.startswith(b"UID SEARCH"):
            writer.write(b"* SEARCH\r\n")
        elif command == b"LOGOUT":
            writer.write(b"* BYE bye\r\n")

    async def _send_part(self, origin: int, octets: int, writer: asyncio.StreamWriter) -> None:
        end = min(origin + octets, self._octets)
        writer.write(b"* 1 FETCH (UID 1 BODY[]<%d> {%d}\r\n" % (origin, end - origin))
        while origin < end:
            piece = self._piece(origin, end)
            writer.write(piece)
            await writer.drain()
            origin += len(piece)
            if self._cuts and origin > self._cuts[0]:
                del self._cuts[0]
                writer.transport.abort()
                raise ConnectionResetError
        writer.write(b")\r\n")

    def _piece(self, origin: int, end: int) -> bytes:
        if origin < len(HEADER):
            return HEADER[origin:end]
        at = (origin - len(HEADER)) % len(_LINE)
        return _LINES[at : at + min(end - origin, _MOST)]
