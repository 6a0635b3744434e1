"""A child process that writes to SQLite, so that the event loop and the database each have a processor core.

The child is forked before the parent has threads, and speaks with it over a pair of sockets: changes go
there and outcomes come back, pickled, in frames. It ends when the parent has closed its socket or is no more;
signals are the parent's business. Should the child be killed, who waits is told that the store is
unavailable, and a thread takes over.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import signal
import socket
import struct
import traceback
from typing import Any, NoReturn

import structlog

from shared.adapters.sql.engine import Database
from shared.adapters.sql.part import Change
from shared.adapters.sql.sqlite_group import GroupCommit, Outcome
from shared.adapters.sql.sqlite_thread import WriterThread, tell
from shared.ports.store import StoreUnavailable

LENGTH = struct.Struct("!I")
PORTION = 1 << 18
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger("mailferry.store")


class WriterProcess:
    """Makes changes in a child process; belongs to the event loop that uses it first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._socket, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            _serve_and_exit(database, theirs)
        theirs.close()
        self._waiting: list[asyncio.Future[Any]] = []
        self._connected: asyncio.Task[asyncio.StreamWriter] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._replacement: WriterThread | None = None
        self._closing = False

    async def write(self, change: Change[Any]) -> Any:
        """What `change` returned, once it is durable."""
        if self._connected is None:
            self._connected = asyncio.ensure_future(self._connect())
        stream = await asyncio.shield(self._connected)
        if self._replacement is not None:
            return await self._replacement.write(change)
        frame = _frame(change)
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        stream.write(frame)
        return await future

    async def close(self) -> None:
        """Write what is waiting, then end."""
        self._closing = True
        if self._connected is None:
            self._socket.close()
        elif not (stream := await self._connected).is_closing():
            stream.write_eof()
        if self._listening is not None:
            await self._listening
        if self._replacement is not None:
            await self._replacement.close()
        else:
            await asyncio.to_thread(os.waitpid, self._child, 0)

    async def _connect(self) -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_unix_connection(sock=self._socket, limit=PORTION)
        self._listening = asyncio.ensure_future(self._listen(reader, writer))
        return writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Outcomes come in the order of their changes."""
        try:
            while True:
                size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
                outcomes: list[Outcome] = pickle.loads(await reader.readexactly(size))  # noqa: S301 - from our own child
                for future, outcome in zip(self._waiting, outcomes, strict=False):
                    tell(future, outcome)
                del self._waiting[: len(outcomes)]
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            if not self._closing:
                await self._replace()

    async def _replace(self) -> None:
        _, status = await asyncio.to_thread(os.waitpid, self._child, 0)
        code = os.waitstatus_to_exitcode(status)
        log.error("the process that writes to the database ended; a thread takes over", code=code)
        self._replacement = WriterThread(self._database)
        gone = StoreUnavailable(f"the process that writes to {self._database} ended with code {code}")
        for future in self._waiting:
            tell(future, Outcome(error=gone))
        self._waiting.clear()


def _serve_and_exit(database: Database, parent: socket.socket) -> NoReturn:
    """The child's whole life: it shares nothing with the parent but the socket and standard error."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for each in IGNORED:
            signal.signal(each, signal.SIG_IGN)
        os.closerange(3, parent.fileno())
        os.closerange(parent.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        _serve(GroupCommit(database), _Requests(parent), parent)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the child
        traceback.print_exc()
    finally:
        os._exit(code)


def _serve(writer: GroupCommit, requests: _Requests, parent: socket.socket) -> None:
    while (first := requests.next()) is not None:
        outcomes = writer.run(first, requests.next_if_there)
        try:
            parent.sendall(_frame([*map(_portable, outcomes)]))
        except OSError:
            return
    writer.close()


class _Requests:
    """The changes that the parent asks for."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._buffer = bytearray()

    def next(self) -> Change[Any] | None:
        """The next change, waited for; None when the parent closed its socket or is no more."""
        while (change := self._taken()) is None:
            if not self._received(0):
                return None
        return change

    def next_if_there(self) -> Change[Any] | None:
        """The next change, if it has arrived."""
        change = self._taken()
        if change is None and self._received(socket.MSG_DONTWAIT):
            change = self._taken()
        return change

    def _received(self, flags: int) -> bool:
        try:
            data = self._parent.recv(PORTION, flags)
        except OSError:
            return False
        self._buffer += data
        return bool(data)

    def _taken(self) -> Change[Any] | None:
        if len(self._buffer) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        change: Change[Any] = pickle.loads(memoryview(self._buffer)[LENGTH.size : end])  # noqa: S301 - from our own parent
        del self._buffer[:end]
        return change


def _frame(value: object) -> bytes:
    body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def _portable(outcome: Outcome) -> Outcome:
    """An outcome that can travel: an error goes with its traceback in words, as the frames stay here."""
    if outcome.error is None:
        return outcome
    if not isinstance(outcome.error, StoreUnavailable):
        outcome.error.add_note("".join(traceback.format_exception(outcome.error)))
    try:
        pickle.loads(pickle.dumps(outcome.error))  # noqa: S301 - it was made here
    except Exception:  # noqa: BLE001 - whatever a foreign exception does when it is copied
        return Outcome(error=RuntimeError("".join(traceback.format_exception(outcome.error))))
    return outcome
