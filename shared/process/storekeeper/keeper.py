"""The parent's side: the child process that keeps the store, and what happens should it be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import structlog

from shared.ports.store import Store, StoreUnavailable
from shared.process.storekeeper.child import serve_and_exit
from shared.process.storekeeper.frames import PORTION, Call, Doubts, Opening, Told, framed, next_said

log = structlog.get_logger("mailferry.store")


class Storekeeper:
    """A child process that keeps a store: one gets ready when it is made, and opens the store when it is told
    which. It belongs to the event loop in which that happens.
    """

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            serve_and_exit(theirs)
        theirs.close()
        self._url = ""
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._on_doubts: Callable[[int], None] = _unheard
        self._replacement: Store | None = None
        self._closed = self._gone = False

    async def open(self, url: str, on_doubts: Callable[[int], None]) -> None:
        """Have the store at `url` brought up to date and opened; raises what that raises.

        `on_doubts` is told how many attempts were found of which nobody saw the end.
        """
        self._url, self._on_doubts = url, on_doubts
        reader, self._writer = await asyncio.open_unix_connection(sock=self._socket, limit=PORTION)
        self._listening = asyncio.ensure_future(self._listen(reader, self._writer))
        try:
            await self._asked(0, Opening(url))
        except BaseException:
            await self.close()
            raise

    async def call(self, method: str, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """What the store's method returns; raises what it raises.

        Should the child be killed, those who wait are told that the store is unavailable, and the store is
        opened in this process for those who come later.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._replacement is not None:
            return await getattr(self._replacement, method)(*given, **named)
        number = next(self._numbers)
        return await self._asked(number, Call(number, method, given, named))

    async def close(self) -> None:
        """Have what was asked for done, then end it."""
        self._closed = True
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write_eof()
        if self._listening is not None:
            await self._listening
        if self._replacement is not None:
            await self._replacement.close()

    def dismiss(self) -> None:
        """End it, which has a store open no more, or never had."""
        if self._gone:
            return
        if self._writer is None:
            self._socket.close()
            os.kill(self._child, signal.SIGKILL)
        self._ended()

    async def _asked(self, number: int, asked: Opening | Call) -> Any:
        if self._writer is None:
            raise StoreUnavailable("the store is not open")
        frame = framed(asked)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._writer.write(frame)
        return await future

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                said: Told | Doubts = await next_said(reader)
                if isinstance(said, Doubts):
                    self._on_doubts(said.attempts)
                else:
                    _tell(self._waiting.pop(said.number), said)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            code = await asyncio.to_thread(self._ended)
            if not self._closed:
                self._replace(code)
            self._tell_all(StoreUnavailable(f"the process that keeps the store ended with code {code}"))

    def _replace(self, code: int) -> None:
        from shared.adapters.sql import open_store  # noqa: PLC0415 - hardly ever needed in this process

        log.error("the process that keeps the store ended; this one keeps it now", code=code)
        store = open_store(self._url)
        store.on_doubts = self._on_doubts
        self._replacement = store

    def _tell_all(self, error: StoreUnavailable) -> None:
        for number in [*self._waiting]:
            _tell(self._waiting.pop(number), Told(number, error=error))

    def _ended(self) -> int:
        _, status = os.waitpid(self._child, 0)
        self._gone = True
        return os.waitstatus_to_exitcode(status)


@contextmanager
def storekeeper() -> Iterator[Storekeeper | None]:
    """One who is getting ready; None where there is more than one thread.

    Another thread might hold a lock that nobody would release in the child; and an open store, which the
    child would take for its own, has a thread.
    """
    if threading.active_count() > 1:
        yield None
        return
    keeper = Storekeeper()
    try:
        yield keeper
    finally:
        keeper.dismiss()


def _tell(future: asyncio.Future[Any], told: Told) -> None:
    """Nobody may be waiting for it any more."""
    if future.done():
        return
    if told.error is None:
        future.set_result(told.result)
    else:
        future.set_exception(told.error)


def _unheard(_doubts: int) -> None:
    """Nobody wants to know."""
