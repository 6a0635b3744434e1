"""Places for connections to one server, shared by all processes of a machine.

A berth is held by a local socket bound to its name in the abstract name space of Linux: the system gives it
back when the process ends, however it ends, and leaves no file behind. Processes in other network name
spaces, as containers are, have berths of their own.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import random
import socket

LOOK_AGAIN = 0.2
"""Seconds between two looks whether a berth is free; nobody tells."""


class Berth:
    """One place, held until it is released."""

    def __init__(self, holder: socket.socket) -> None:
        self._holder = holder

    def release(self) -> None:
        """Let another connection have it."""
        self._holder.close()


class Berths:
    """`count` places for what is called `name`."""

    def __init__(self, name: str, count: int) -> None:
        self._prefix = "\0mailferry/" + hashlib.sha256(name.encode()).hexdigest()[:32]
        self._count = count

    async def take(self, seconds: float) -> Berth | None:
        """A free one; None: there was none for so many seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (berth := self._free()) is None and loop.time() < until:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_AGAIN * (0.5 + random.random()))  # noqa: S311 - spreads those who wait
        return berth

    def _free(self) -> Berth | None:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        for number in range(self._count):
            try:
                holder.bind(f"{self._prefix}/{number}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    holder.close()
                    raise
            else:
                return Berth(holder)
        holder.close()
        return None
