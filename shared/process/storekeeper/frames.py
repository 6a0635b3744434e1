"""What the process that uses the store and the one that keeps it say to each other, in frames: the length,
then a pickled value.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.ports.store import StoreUnavailable

LENGTH = struct.Struct("!I")
PORTION = 1 << 18
"""Octets that are read at a time."""
WORDS = 4000
"""As much of a traceback goes with an error: its end."""


class Opening(NamedTuple):
    """Bring the store at this URL up to date, and open it; answered like the call 0."""

    url: str


class Call(NamedTuple):
    """Call this method of the store."""

    number: int
    method: str
    given: tuple[Any, ...]
    named: Mapping[str, Any]


class Told(NamedTuple):
    """What a call returned, or the error that it raised."""

    number: int
    result: Any = None
    error: BaseException | None = None


class Doubts(NamedTuple):
    """So many attempts were found of which nobody saw the end."""

    attempts: int


def framed(said: Opening | Call | Told | Doubts) -> bytes:
    """The frame for it. Raises whatever pickling raises for what is no plain value."""
    body = pickle.dumps(said, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


async def next_said(reader: asyncio.StreamReader) -> Any:
    """What the other process says next. Raises `IncompleteReadError` or `OSError` when it is no more."""
    size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
    return pickle.loads(await reader.readexactly(size))  # noqa: S301 - from our own parent or child


def answer(number: int, result: Any, error: BaseException | None = None) -> bytes:
    """The frame of an answer, whatever it is: who asked waits for one."""
    try:
        return framed(Told(number, result) if error is None else Told(number, error=_portable(error)))
    except Exception as no_value:  # noqa: BLE001 - whatever a foreign value does when it is pickled
        return framed(
            Told(number, error=RuntimeError(f"an answer of the store cannot be told: {no_value!r}"))
        )


def _portable(error: BaseException) -> BaseException:
    """A copy with the end of its traceback in words, as the frames stay here. The error itself stays as it
    is: others may be told of it, too.
    """
    words = "".join(traceback.format_exception(error))[-WORDS:]
    try:
        copy: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made here
    except Exception:  # noqa: BLE001 - whatever a foreign exception does when it is copied
        return RuntimeError(words)
    if not isinstance(error, StoreUnavailable):
        copy.add_note(words)
    return copy
