"""The child's whole life: it shares nothing with the parent but the socket, standard error, and the lock on
the database file that comes with its first order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import resource
import signal
import socket
import traceback
from typing import Any, NoReturn

import uvloop

from shared.ports.store import Store
from shared.process.memory import calm_collector, collector_at_rest
from shared.process.storekeeper.frames import (
    LENGTH,
    PORTION,
    Call,
    Doubts,
    Opening,
    answer,
    framed,
    next_said,
)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What is meant for the whole group is the parent's business."""


def serve_and_exit(parent: socket.socket) -> NoReturn:
    """Keep the store that the parent names, until it closes the socket or is no more.

    The signals are blocked when this begins.
    """
    code = 1
    try:
        _part_from(parent)
        with collector_at_rest():
            import shared.adapters.sql  # noqa: F401, PLC0415 - while the parent reads its configuration
        calm_collector()
        opening = _opening(parent)
        if opening is not None:
            uvloop.run(_serve(opening, parent))
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the child
        traceback.print_exc()
    finally:
        os._exit(code)


def _part_from(parent: socket.socket) -> None:
    signal.set_wakeup_fd(-1)
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.closerange(3, parent.fileno())
    os.closerange(parent.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _opening(parent: socket.socket) -> Opening | None:
    """Which store it is; None where the parent never says. The descriptor that comes with it stays open as
    long as this process lives.
    """
    said, *_ = socket.recv_fds(parent, PORTION, 1)
    while said:
        if len(said) >= LENGTH.size + LENGTH.unpack_from(said)[0]:
            opening: Opening = pickle.loads(said[LENGTH.size :])  # noqa: S301 - from our own parent
            return opening
        more = parent.recv(PORTION)
        said = said + more if more else b""
    return None


async def _serve(opening: Opening, parent: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=parent, limit=PORTION)
    store = _opened(opening, writer)
    if store is not None:
        await _serve_calls(store, reader, writer)
        await store.close()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _opened(opening: Opening, writer: asyncio.StreamWriter) -> Store | None:
    """The store, or None where it cannot be opened; the parent is told."""
    from shared.adapters.sql import open_store, upgrade  # noqa: PLC0415 - only the child has use for it

    try:
        upgrade(opening.url)
        store = open_store(opening.url)
    except Exception as error:  # noqa: BLE001 - the parent has to hear of it
        _say(writer, answer(0, None, error))
        return None
    store.on_doubts = lambda attempts: _say(writer, framed(Doubts(attempts)))
    _say(writer, answer(0, None))
    return store


async def _serve_calls(store: Store, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the calls, several at the same time; return when there will be no more and all are answered."""
    under_way: set[asyncio.Task[None]] = set()
    try:
        while True:
            task = asyncio.create_task(_serve_call(store, await next_said(reader), writer))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    except (asyncio.IncompleteReadError, OSError):
        if under_way:
            await asyncio.wait(under_way)


async def _serve_call(store: Store, call: Call, writer: asyncio.StreamWriter) -> None:
    result: Any = None
    failure: Exception | None = None
    try:
        result = await getattr(store, call.method)(*call.given, **call.named)
    except Exception as error:  # noqa: BLE001 - whoever called has to hear of it
        failure = error
    _say(writer, answer(call.number, result, failure))


def _say(writer: asyncio.StreamWriter, frame: bytes) -> None:
    """Nobody may be there to hear it."""
    if not writer.is_closing():
        writer.write(frame)
