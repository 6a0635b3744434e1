"""A distant server: a proxy in a process of its own that delays what passes.

Every piece arrives half a round trip late, whichever way it goes; the first also waits for the connection.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvloop
from typing_extensions import override

from tests.servers.ports import LOOPBACK, free_port, greets
from tests.servers.process import eventually

ROUND_TRIP = 0.020


class Late(asyncio.Protocol):
    """One end of a passage: what it receives is written to the other end, later and in its order.

    What is due before there is another end waits for `join`.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._held: deque[bytes] = deque()
        self._due = 0
        self._transport: asyncio.Transport | None = None
        self._other: Late | None = None

    def join(self, other: Late) -> None:
        """Make the passage: pass on to `other` what is due already, and everything from now on."""
        self._other = other
        while self._due:
            self._due -= 1
            other.write(self._held.popleft())

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._later(data)

    @override
    def eof_received(self) -> bool:
        self._later(b"")
        return True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._later(b"")

    def write(self, data: bytes) -> None:
        """Pass on; b"" is the end."""
        if self._transport is None or self._transport.is_closing():
            return
        if data:
            self._transport.write(data)
        else:
            self._transport.close()

    def _later(self, data: bytes) -> None:
        self._held.append(data)
        asyncio.get_running_loop().call_later(self._delay, self._pass_on)

    def _pass_on(self) -> None:
        if self._other is None:
            self._due += 1
        else:
            self._other.write(self._held.popleft())


async def serve(port: int, server: int, round_trip: float) -> None:
    """Pass connections at `port` on to `server`, until killed."""
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[None]] = set()

    def accept() -> Late:
        near = Late(round_trip / 2)
        task = loop.create_task(_connect(near, server, round_trip))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return near

    listening = await loop.create_server(accept, LOOPBACK, port, backlog=1024)
    await listening.serve_forever()


async def _connect(near: Late, server: int, round_trip: float) -> None:
    """The near end was accepted at once; that a connection takes a round trip, its first bytes show."""
    await asyncio.sleep(round_trip)
    far = Late(round_trip / 2)
    # Joined before the connection is there: the server's greeting may arrive before this goes on.
    far.join(near)
    await asyncio.get_running_loop().create_connection(lambda: far, LOOPBACK, server)
    near.join(far)


@contextmanager
def distant(server: int, round_trip: float = ROUND_TRIP, *, greeting: bytes = b"+OK") -> Iterator[int]:
    """A port from which `server` is a `round_trip` away; `greeting` begins what it says first."""
    port = free_port()
    command = [sys.executable, "-m", "bench.distance", str(port), str(server), str(round_trip)]
    child = subprocess.Popen(command)
    try:
        if not eventually(lambda: greets(port, greeting), 10.0):
            raise ConnectionError("the proxy did not start")
        yield port
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
