"""One byte stream to a server, with a limit on every wait.

Promises: no read or write waits longer than the inactivity timeout without a byte moving, nor beyond the deadline if
one is set; at most `READ_LIMIT` bytes are held ahead of the reader; bytes that were received are never lost, not even
when a read is cancelled. Works on asyncio's own loop and on uvloop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import cast

from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.net.errors import ConnectionLost, DeadlineExceeded, InactivityTimeout, TlsFailed
from shared.net.tls import client_context

READ_LIMIT = 256 * 1024
_CLOSE_TIMEOUT = 2.0


class ByteStream(asyncio.Protocol):
    """The callback side: keeps what arrived until it is read, and wakes whoever waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._chunks: list[bytes] = []
        self._held = 0
        self._paused = False
        self.writable = True
        self.ended = False
        self.lost: Exception | None = None
        self.closed = False
        self._waiter: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._held += len(data)
        if self._held >= READ_LIMIT and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = self.closed = True
        self.lost = error
        self._wake()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._wake()

    @property
    def held(self) -> int:
        """Bytes received and not read yet."""
        return self._held

    def take(self) -> bytes:
        """Everything that is there, without a copy where it is one piece."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        if self._paused and self.transport is not None and not self.closed:
            self._paused = False
            self.transport.resume_reading()
        return data

    async def change(self, seconds: float) -> bool:
        """Wait until something happened; False if `seconds` passed first."""
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(max(seconds, 0), self._expire, waiter)
        try:
            await waiter
            return not waiter.cancelled()
        except asyncio.CancelledError:
            if waiter.cancelled() and self._waiter is None:
                return False
            raise
        finally:
            timer.cancel()
            if self._waiter is waiter:
                self._waiter = None

    def _expire(self, waiter: asyncio.Future[None]) -> None:
        pass

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
