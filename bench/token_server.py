"""A token server that costs little: it takes any request over TLS. Its tokens are as large as Microsoft's."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from functools import partial
from itertools import count

from tests.servers.ports import LOOPBACK

ACCESS_OCTETS, REFRESH_OCTETS = 1600, 1100
NUMBERS = count()


def answer() -> bytes:
    """An answer of HTTP/1.1 with new tokens."""
    number = f"{next(NUMBERS):08d}"
    said = {
        "token_type": "Bearer",
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All",
        "expires_in": 3599,
        "access_token": number + "a" * ACCESS_OCTETS,
        "refresh_token": number + "r" * REFRESH_OCTETS,
    }
    body = json.dumps(said).encode()
    head = (
        "HTTP/1.1 200 OK\r\nCache-Control: no-store, no-cache\r\nPragma: no-cache\r\n"
        "Content-Type: application/json; charset=utf-8\r\nExpires: -1\r\n"
        "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
        f"X-Content-Type-Options: nosniff\r\nx-ms-request-id: {number}\r\n"
        f"Date: Tue, 01 Dec 2026 08:00:00 GMT\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def serve(seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after the other, each after some seconds."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
            await reader.readexactly(length)
            await asyncio.sleep(seconds)
            writer.write(answer())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(chain: str, key: str, seconds: str) -> None:
    """Print the port, and serve until the process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = await asyncio.start_server(partial(serve, float(seconds)), LOOPBACK, 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
