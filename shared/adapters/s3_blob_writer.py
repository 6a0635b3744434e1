"""Writing one blob as an object: a small one in one request, a large one in parts that are sent as they fill.

The object appears when the last part was confirmed and the upload completed, or never.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, suppress

import obstore
from obstore.store import S3Store

from shared.ports.blobs import BlobsUnavailable

PART = 8 * 1024 * 1024
AHEAD = 2
"""Parts that may wait to be sent."""


class Abandoned(Exception):
    """The writer gave the upload up."""


class S3BlobWriter:
    """A blob being written, until `commit` makes it visible under its name.

    After a failure it refuses everything but `abort`, so that no blob lacks a piece.
    """

    def __init__(
        self, store: S3Store, name: str, explained: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self._store = store
        self._name = name
        self._explained = explained
        self._pending = bytearray()
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self._upload: asyncio.Task[object] | None = None
        self._over = False

    async def write(self, data: bytes) -> None:
        """Append `data`. Raises BlobsUnavailable."""
        if self._over:
            raise BlobsUnavailable(f"writing {self._name} has failed before")
        self._pending += data
        while len(self._pending) >= PART:
            await self._send(bytes(self._pending[:PART]))
            del self._pending[:PART]

    async def commit(self, *, durable: bool) -> None:
        """Make it visible, and durable in any case. Raises BlobsUnavailable; then `abort` ends the upload."""
        if self._over:
            raise BlobsUnavailable(f"writing {self._name} has failed before")
        self._over = True
        rest = bytes(self._pending)
        self._pending.clear()
        with self._explained(self._name):
            if self._upload is None:
                await obstore.put_async(self._store, self._name, rest, use_multipart=False)
                return
            await self._send(rest)
            await self._hand_over(None)
            await self._upload

    async def abort(self) -> None:
        """Forget what was written; without effect after a commit."""
        self._over = True
        self._pending.clear()
        upload, self._upload = self._upload, None
        if upload is not None and not upload.done():
            upload.cancel()
        if upload is not None:
            with suppress(Exception, asyncio.CancelledError):
                await upload

    async def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = asyncio.ensure_future(
                obstore.put_async(
                    self._store, self._name, self._content(), chunk_size=PART, max_concurrency=AHEAD
                )
            )
        await self._hand_over(part)

    async def _hand_over(self, part: bytes | None) -> None:
        """Wait for room, or for the end of an upload that failed; that is raised."""
        assert self._upload is not None
        room = asyncio.ensure_future(self._parts.put(part))
        try:
            await asyncio.wait({room, self._upload}, return_when=asyncio.FIRST_COMPLETED)
            if self._upload.done():
                self._over = True
                with self._explained(self._name):
                    await self._upload
        finally:
            room.cancel()

    async def _content(self) -> AsyncGenerator[bytes, None]:
        while (part := await self._parts.get()) is not None:
            yield part
