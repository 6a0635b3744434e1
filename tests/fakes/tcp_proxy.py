"""A TCP proxy on the loopback address that can cut, stall or drop what passes through it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self

from tests.servers.ports import LOOPBACK, free_port

PIECE = 65_536


class Direction(Enum):
    """Which way bytes go."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


class TcpProxy:
    """Passes everything on to `port`. `stall` and `swallow` hold for later connections, too. `passed` counts
    octets.
    """

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.passed: Counter[Direction] = Counter()
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._swallowing: set[Direction] = set()
        self._flowing = {direction: asyncio.Event() for direction in Direction}
        self.resume()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def stop(self) -> None:
        """Accept no more connections, and cut those that are open."""
        if self._server:
            self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        if self._pumps:
            await asyncio.wait(self._pumps)

    def cut(self) -> None:
        """Reset every connection, as a firewall does that lost its state."""
        for writer in self._writers:
            writer.transport.abort()

    def swallow(self, direction: Direction) -> None:
        """Read what goes this way and drop it."""
        self._swallowing.add(direction)

    def stall(self, direction: Direction) -> None:
        """Read nothing that goes this way."""
        self._flowing[direction].clear()

    def resume(self) -> None:
        """Pass everything on again. What was swallowed stays lost."""
        self._swallowing.clear()
        for flowing in self._flowing.values():
            flowing.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(server_writer)
        self._pump(reader, server_writer, Direction.TO_SERVER)
        self._pump(server_reader, writer, Direction.TO_CLIENT)

    def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        pump = asyncio.ensure_future(self._pass_on(reader, writer, direction))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(PIECE):
                    await self._flowing[direction].wait()
                    self.passed[direction] += len(data)
                    if direction not in self._swallowing:
                        writer.write(data)
                        await writer.drain()
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
