"""An IMAP server with one mailbox of any number of mails, which it makes while sending: that costs little.

A mail is added by the command `ADD`, which no other server has.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Self

UIDVALIDITY = 7
SIZE = 1024
AT_ONCE = 1000
_SET = re.compile(rb"UID FETCH (\d+)(?::(\d+|\*))? \(UID (RFC822\.SIZE|BODY\.PEEK\[\])\)")
_NUMBERS = re.compile(rb"FETCH ([0-9,]+) \(UID\)")


def raw_mail(uid: int) -> bytes:
    """Return the mail with this UID."""
    header = b"X-Original-To: kept@here.test\r\nMessage-ID: <kept.%09d@sender.test>\r\n" % uid
    header += b"Subject: kept\r\n\r\n"
    return header + b"x" * (SIZE - len(header) - 2) + b"\r\n"


class KeptImapSource:
    """A mailbox with the mails 1 to `count`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.port = 0
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 UIDPLUS] hello\r\n")
        try:
            while line := (await reader.readline()).rstrip():
                tag, _, command = line.partition(b" ")
                for piece in self._answer(command):
                    writer.write(piece)
                    await writer.drain()
                writer.write(tag + b" OK done\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, command: bytes) -> Iterator[bytes]:
        if (asked := _SET.fullmatch(command)) is not None:
            yield from self._fetch(int(asked[1]), asked[2], asked[3])
        elif (numbers := _NUMBERS.fullmatch(command)) is not None:
            yield from (b"* %d FETCH (UID %d)\r\n" % (n, n) for n in map(int, numbers[1].split(b",")))
        elif command.startswith((b"SELECT", b"EXAMINE")):
            yield b"* %d EXISTS\r\n* OK [UIDVALIDITY %d]\r\n" % (self.count, UIDVALIDITY)
            yield b"* OK [UIDNEXT %d]\r\n" % (self.count + 1)
        elif command == b"ADD":
            self.count += 1
        elif command == b"LOGOUT":
            yield b"* BYE bye\r\n"

    def _fetch(self, first: int, to: bytes | None, what: bytes) -> Iterator[bytes]:
        """An open range has the last mail at least (RFC 9051, section 9: seq-range)."""
        last = self.count if to == b"*" else min(int(to or first), self.count)
        first = min(first, last) if to == b"*" else first
        if what != b"RFC822.SIZE":
            for uid in range(first, last + 1):
                raw = raw_mail(uid)
                yield b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(raw), raw)
            return
        for start in range(first, last + 1, AT_ONCE):
            uids = range(start, min(start + AT_ONCE, last + 1))
            yield b"".join(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, uid, SIZE) for uid in uids)
