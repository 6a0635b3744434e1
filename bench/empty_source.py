"""A POP3 server that takes every login and has no mail, at as little cost as Python can: `python -m
bench.empty_source PORT`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop
from typing_extensions import override

from tests.servers.ports import LOOPBACK

ANSWERS = {
    b"CAPA": b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n",
    b"STAT": b"+OK 0 0\r\n",
    b"LIST": b"+OK\r\n.\r\n",
    b"UIDL": b"+OK\r\n.\r\n",
}
WELL = b"+OK\r\n"


class EmptyMailbox(asyncio.Protocol):
    """A session."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(WELL)

    @override
    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\r\n")
        verbs = [line[:4].upper() for line in lines]
        assert self._transport is not None
        self._transport.write(b"".join(ANSWERS.get(verb, WELL) for verb in verbs))
        if b"QUIT" in verbs:
            self._transport.close()


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(EmptyMailbox, LOOPBACK, port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
