"""A way to a server that takes its time: a proxy in a process of its own that holds back what passes.

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
    """One end of a passage: what it receives is written to the other end, later and in its order."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._held: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self.other: Late | None = None

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
        data = self._held.popleft()
        if self.other is not None:
            self.other.write(data)


async def serve(port: int, server: int, round_trip: float) -> None:
    """Pass connections at `port` on to `server`, for ever."""
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
    _, far = await asyncio.get_running_loop().create_connection(
        lambda: Late(round_trip / 2), LOOPBACK, server
    )
    near.other, far.other = far, near


@contextmanager
def distant(server: int, round_trip: float = ROUND_TRIP) -> Iterator[int]:
    """A port from which `server` is a `round_trip` away."""
    port = free_port()
    command = [sys.executable, "-m", "bench.distance", str(port), str(server), str(round_trip)]
    child = subprocess.Popen(command)
    try:
        if not eventually(lambda: greets(port, b"+OK"), 10.0):
            raise ConnectionError("the proxy did not start")
        yield port
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
