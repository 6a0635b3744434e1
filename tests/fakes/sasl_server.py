"""A POP3 server that does nothing but authenticate, by exchanges that a test writes as generators."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager

from scramp import ScramException, ScramMechanism

Exchange = Callable[[], Generator[bytes, bytes, bool]]
"""Yields challenges and is sent the responses, the initial one first; returns whether it agrees."""


@asynccontextmanager
async def authenticating(exchanges: dict[str, Exchange], tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    """The port of a server that offers `exchanges` by their names, with TLS from the first byte if `tls`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await Session(exchanges, reader, writer).run()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Session:
    def __init__(
        self, exchanges: dict[str, Exchange], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._exchanges = exchanges
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        self._writer.write(b"+OK ready\r\n")
        while line := (await self._reader.readline()).decode().strip():
            verb, *arguments = line.split()
            if verb == "AUTH":
                self._writer.write(b"+OK\r\n" if await self._agrees(*arguments) else b"-ERR no\r\n")
            elif verb == "CAPA":
                self._writer.write(f"+OK\r\nSASL {' '.join(self._exchanges)}\r\n.\r\n".encode())
            else:
                self._writer.write(b"+OK\r\n")

    async def _agrees(self, name: str, initial: str) -> bool:
        exchange = self._exchanges[name]()
        next(exchange)
        response = base64.b64decode(initial)
        try:
            while True:
                challenge = exchange.send(response)
                self._writer.write(b"+ " + base64.b64encode(challenge) + b"\r\n")
                response = base64.b64decode(await self._reader.readline())
        except StopIteration as end:
            return bool(end.value)


def scram(name: str, password: str, end_point: bytes | None = None) -> Exchange:
    """The server's side of SCRAM, by scramp; -PLUS expects to be bound to `end_point`."""
    mechanism = ScramMechanism(name)
    binding = ("tls-server-end-point", end_point) if end_point is not None else None

    def exchange() -> Generator[bytes, bytes, bool]:
        server = mechanism.make_server(lambda _: mechanism.make_auth_info(password), channel_binding=binding)
        first = (yield b"").decode()
        try:
            server.set_client_first(first)
        except ScramException:
            return False
        try:
            server.set_client_final((yield server.get_server_first().encode()).decode())
        except ScramException:
            yield server.get_server_final().encode()
            return False
        yield server.get_server_final().encode()
        return True

    return exchange
