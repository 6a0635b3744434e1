"""One connection to a token server, and where HTTP/1.1 stands on it. h11 writes and reads."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote

import h11

from shared.net.connection import Connection
from shared.oauth.answers import Answer

LARGEST_ANSWER = 512 * 1024


class Session:
    """A connection, and where HTTP/1.1 stands on it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_lost = False
        self.is_answered = False
        self.kept_at = 0.0
        self._protocol = h11.Connection(h11.CLIENT)
        connection.when_lost(self._lose)

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow on the connection."""
        if self.is_lost or self._protocol.our_state is not h11.DONE:
            return False
        with suppress(h11.ProtocolError):
            self._protocol.start_next_cycle()
            return True
        return False

    async def ask(self, head: h11.Request, body: bytes) -> Answer:
        """Send a request and return the answer; its body is cut where it is too large.

        Raises `NetworkError` and `h11.ProtocolError`.
        """
        protocol, parts = self._protocol, [head, h11.Data(body), h11.EndOfMessage()]
        # In one piece: headers alone would be a packet and a record of TLS of their own.
        self.connection.write(b"".join(protocol.send(part) or b"" for part in parts))
        self.is_answered = False
        status, after, content = 0, None, b""
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                received = await self.connection.read()
                self.is_answered = self.is_answered or bool(received)
                protocol.receive_data(received)
            elif isinstance(event, h11.Response):
                status, after = event.status_code, _seconds(dict(event.headers).get(b"retry-after"))
            elif isinstance(event, h11.Data):
                content += event.data
            elif not isinstance(event, h11.InformationalResponse):
                return Answer(status, content, after)
            if len(content) > LARGEST_ANSWER:
                return Answer(status, content[:LARGEST_ANSWER], after)

    def _lose(self) -> None:
        self.is_lost = True


def request_head(method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> h11.Request:
    """Return the head of a request to the URL with these parts."""
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    host = parts.netloc.rpartition("@")[2]
    length = {"Content-Length": str(len(body))} if method == "POST" else {}
    return h11.Request(method=method, target=target, headers=[*{"Host": host, **headers, **length}.items()])


def connect_head(host: str, port: int, proxy: SplitResult) -> h11.Request:
    """Return the head of a request to a proxy for a way to a server (RFC 9110, section 9.3.6)."""
    where = f"{host}:{port}"
    headers = {"Host": where}
    if proxy.username is not None:
        who = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(who).decode()}"
    return h11.Request(method="CONNECT", target=where, headers=[*headers.items()])


def _seconds(header: bytes | None) -> float | None:
    """Return the seconds of Retry-After; a date, which nobody sends, counts as nothing."""
    try:
        seconds = float(header or b"")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
