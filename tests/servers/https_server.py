"""A web server over TLS that answers as it is told: documents, redirects, too much, too slowly."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.servers.ports import LOOPBACK

SILENCE = None
"""What is mapped to it gets no answer at all."""
DRIP = b"drip"
"""What is mapped to it gets an answer without end, octet by octet."""
DRIP_SECONDS = 0.02


def http_answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer of HTTP/1.1."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class HttpsServer:
    """`answers` by `host/path`, without the query. `requests` are those that came, each as its lines."""

    def __init__(self, answers: Mapping[str, bytes | None]) -> None:
        self.port = 0
        self.requests: list[list[str]] = []
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            self.requests.append(head)
            host = next(line.partition(": ")[2] for line in head if line.startswith("Host: "))
            path = head[0].split()[1].partition("?")[0]
            answer = self._answers.get(host + path, http_answer("404 Not Found"))
            if answer is SILENCE:
                await reader.read()
                return
            if answer is DRIP:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while answer is DRIP:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def https_server(
    answers: Mapping[str, bytes | None], context: ssl.SSLContext | None
) -> AsyncIterator[HttpsServer]:
    """Serve on a free port; without a `context`, in clear."""
    served = HttpsServer(answers)
    server = await asyncio.start_server(served.serve, LOOPBACK, 0, ssl=context)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
