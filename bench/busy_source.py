"""A POP3 server whose mailboxes are never empty: `python -m bench.busy_source PORT MAILS`.

Each session finds so many mails, new ones in place of those that were deleted. Mailboxes whose name begins
with `new` are empty. It costs as little as Python can.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from itertools import count
from typing import cast

import uvloop
from typing_extensions import override

from tests.servers.ports import LOOPBACK

EMPTY = "new"
OCTETS = 2048
WELL = b"+OK\r\n"
CAPABILITIES = b"+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n"
RUN = uuid.uuid4().hex[:8]
"""Mails of another run are others."""


def raw_mail(uid: int) -> bytes:
    """Return the mail with this UID."""
    header = f"From: a@sender.example\r\nMessage-ID: <{RUN}.{uid}@sender.example>\r\nSubject: {uid}\r\n\r\n"
    return header.encode().ljust(OCTETS - 2, b"x") + b"\r\n"


class BusyMailboxes:
    """The mails of each mailbox, by their UIDs."""

    def __init__(self, mails: int) -> None:
        self._mails = mails
        self._numbers = count(1)
        self._of: dict[str, list[int]] = {}

    def open(self, name: str) -> list[int]:
        """Return the UIDs of a mailbox, which is full now."""
        uids = self._of.setdefault(name, [])
        wanted = 0 if name.startswith(EMPTY) else self._mails
        uids += [next(self._numbers) for _ in range(wanted - len(uids))]
        return list(uids)

    def delete(self, name: str, uids: set[int]) -> None:
        """Delete mails."""
        self._of[name] = [each for each in self._of[name] if each not in uids]


class BusySession(asyncio.Protocol):
    """A session."""

    def __init__(self, mailboxes: BusyMailboxes) -> None:
        self._mailboxes = mailboxes
        self._received = b""
        self._name = ""
        self._uids: list[int] = []
        self._deleted: set[int] = set()
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(WELL)

    @override
    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\r\n")
        assert self._transport is not None
        for line in lines:
            verb, _, rest = line.partition(b" ")
            self._transport.write(self._answer(verb.upper(), rest.decode()))
            if verb.upper() == b"QUIT":
                self._transport.close()

    def _answer(self, verb: bytes, rest: str) -> bytes:
        if verb == b"USER":
            self._name = rest
        elif verb == b"PASS":
            self._uids = self._mailboxes.open(self._name)
        elif verb == b"STAT":
            return b"+OK %d %d\r\n" % (len(self._uids), OCTETS * len(self._uids))
        elif verb in {b"LIST", b"UIDL"}:
            values = self._uids if verb == b"UIDL" else [OCTETS] * len(self._uids)
            listed = b"".join(b"%d %d\r\n" % each for each in enumerate(values, 1))
            return b"+OK\r\n" + listed + b".\r\n"
        elif verb == b"RETR":
            return WELL + raw_mail(self._uids[int(rest) - 1]) + b".\r\n"
        elif verb == b"DELE":
            self._deleted.add(self._uids[int(rest) - 1])
        elif verb == b"QUIT":
            self._mailboxes.delete(self._name, self._deleted)
        elif verb == b"CAPA":
            return CAPABILITIES
        return WELL


async def serve(port: int, mails: int) -> None:
    """Serve until the process is ended."""
    mailboxes = BusyMailboxes(mails)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BusySession(mailboxes), LOOPBACK, port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
