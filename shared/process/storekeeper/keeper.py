"""The parent's side: the child process that keeps the store, and what happens should it be killed."""

from __future__ import annotations

import asyncio
import contextlib
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
from shared.process.storekeeper.forking import forked
from shared.process.storekeeper.frames import PORTION, Call, Doubts, Opening, Told, framed, next_said

log = structlog.get_logger("mailferry.store")


class Storekeeper:
    """A child process that keeps a store: it gets ready when this is made, and opens the store when it is
    told which. This belongs to the event loop in which that happens.
    """

    def __init__(self) -> None:
        self._child, self._socket = forked()
        self._reaped = False
        self._url = ""
        self._on_doubts: Callable[[int], None] = _unheard
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._replacement: Store | None = None
        self._closed = False

    async def open(self, url: str, on_doubts: Callable[[int], None], lock: int | None = None) -> None:
        """Have the store at `url` brought up to date and opened; raises what that raises.

        `on_doubts` is told how many attempts were found of which nobody saw the end. What `lock`, a file
        descriptor, locks stays locked as long as the child lives, too.
        """
        self._url, self._on_doubts = url, on_doubts
        opened = self._awaited(0)
        try:
            socket.send_fds(self._socket, [framed(Opening(url))], [] if lock is None else [lock])
        except OSError as error:
            self._socket.close()
            self._kill()
            raise _gone(await asyncio.to_thread(self._reap)) from error
        reader, self._writer = await asyncio.open_unix_connection(sock=self._socket, limit=PORTION)
        self._listening = asyncio.create_task(self._listen(reader, self._writer), name="the store's answers")
        try:
            await opened
        except BaseException:
            await self.close()
            raise

    async def call(self, method: str, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """What the store's method returns; raises what it raises.

        Should the child be killed, those who wait are told that the store is unavailable, and the store is
        opened in this process for those who come later.
        """
        if self._closed or self._writer is None or self._listening is None:
            raise StoreUnavailable("the store is closed")
        if self._writer.is_closing():
            await asyncio.wait([self._listening])
        if self._listening.done():
            return await getattr(self._instead(), method)(*given, **named)
        number = next(self._numbers)
        frame = framed(Call(number, method, given, named))
        answer = self._awaited(number)
        self._writer.write(frame)
        return await answer

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
        """End it at once, if it is there still."""
        if not self._reaped:
            self._kill()
            self._reap()
        if self._writer is None:
            self._socket.close()

    def _awaited(self, number: int) -> asyncio.Future[Any]:
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        return answer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear the answers until there will be no more; then everybody is told."""
        try:
            while True:
                self._hear(await next_said(reader))
        except (asyncio.IncompleteReadError, OSError):
            pass
        except Exception:
            log.exception("what the process that keeps the store said cannot be read; it is ended")
            self._kill()
        writer.close()
        code = await asyncio.to_thread(self._reap)
        if not self._closed and 0 not in self._waiting:
            log.error("the process that keeps the store ended; this one keeps it now", code=code)
        for number in [*self._waiting]:
            _tell(self._waiting.pop(number), Told(number, error=_gone(code)))

    def _hear(self, said: Told | Doubts) -> None:
        if isinstance(said, Doubts):
            self._on_doubts(said.attempts)
        else:
            _tell(self._waiting.pop(said.number), said)

    def _instead(self) -> Store:
        """The store in this process."""
        if self._replacement is None:
            from shared.adapters.sql import open_store  # noqa: PLC0415 - hardly ever needed in this process

            store = open_store(self._url)
            store.on_doubts = self._on_doubts
            self._replacement = store
        return self._replacement

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)

    def _reap(self) -> int | None:
        """How the child ended; None where nobody knows, as whoever started us does not want to hear of
        children.
        """
        code = None
        with contextlib.suppress(ChildProcessError):
            code = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        self._reaped = True
        return code


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


def _gone(code: int | None) -> StoreUnavailable:
    return StoreUnavailable(f"the process that keeps the store ended with code {code}")


def _unheard(_doubts: int) -> None:
    """Nobody wants to know."""
