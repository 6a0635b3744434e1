"""The callback side of a connection: holds what arrived until it is read, and wakes the tasks that wait.

`shared.net.connection` adds deadlines and errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from typing_extensions import override

READ_LIMIT = 256 * 1024


class ByteStream(asyncio.Protocol):
    """Received octets, and the state of their transport; holds less than twice `READ_LIMIT`.

    `when_lost` is called when the connection is gone, whoever ended it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._chunks: list[bytes] = []
        self._waiters: dict[asyncio.Future[bool], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._paused = False
        self._transport: asyncio.Transport | None = None
        self.held = 0
        self.writable = True
        self.ended = False
        self.closed = False
        self.lost: Exception | None = None
        self.when_lost: Callable[[], None] = _nothing

    @property
    def transport(self) -> asyncio.Transport:
        """The current transport; after `start_tls` another one."""
        if self._transport is None:
            raise RuntimeError("the stream is used before its connection was made")
        return self._transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self.held += len(data)
        if self.held >= READ_LIMIT and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    @override
    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return False

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self.ended = self.closed = True
        self.lost = error
        self.when_lost()
        self._wake()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @override
    def pause_writing(self) -> None:
        self.writable = False

    @override
    def resume_writing(self) -> None:
        self.writable = True
        self._wake()

    def take(self) -> bytes:
        """Return all received octets, not copied where they came in one piece."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.held = 0
        if self._paused:
            self._paused = False
            if not self.closed:
                self.transport.resume_reading()
        return data

    async def change(self, seconds: float) -> bool:
        """Wait until anything happened; return False if `seconds` passed first."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiters[waiter] = due = self._loop.time() + max(seconds, 0.0)
        self._watch(due)
        try:
            return await waiter
        finally:
            del self._waiters[waiter]

    def _wake(self) -> None:
        for waiter in self._waiters:
            _resolve(waiter, True)

    def _watch(self, due: float) -> None:
        """Make sure that the timer runs at `due` at the latest.

        The timer is not cancelled when a wait ends early, as nearly all do: the next wait needs it.
        """
        if self._timer is not None:
            if self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time()
        for waiter, due in self._waiters.items():
            if due <= now:
                _resolve(waiter, False)
        left = [due for due in self._waiters.values() if due > now]
        if left:
            self._watch(min(left))


def _nothing() -> None:
    return


def _resolve(waiter: asyncio.Future[bool], happened: bool) -> None:
    if not waiter.done():
        waiter.set_result(happened)
