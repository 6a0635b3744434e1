"""Writing one blob as a file: in pieces, in threads, visible only when it is whole.

A small blob costs one hop to a thread. Where it is to survive the loss of power, its bytes are synchronised
before it gets its name, and the directories that hold the name after it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from shared.ports.blobs import BlobsUnavailable

PIECE = 256 * 1024
PARTIAL = "partial"
FULL = {errno.ENOSPC, errno.EDQUOT}


class FileBlobWriter:
    """A blob being written into `partial/`, until `commit` gives it its name.

    After a failure it refuses everything but `abort`, so that no blob lacks a piece.
    """

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._partial = root / PARTIAL / f"{path.name}+{secrets.token_hex(8)}"
        self._pending = bytearray()
        self._descriptor: int | None = None
        self._failed = False
        self._busy = Lock()

    async def write(self, data: bytes) -> None:
        """Append `data`. Raises BlobsUnavailable."""
        self._pending += data
        if len(self._pending) >= PIECE:
            await self._in_thread(self._flush)

    async def commit(self, *, durable: bool) -> None:
        """Give the blob its name. Raises BlobsUnavailable; then `abort` removes what is left."""
        await self._in_thread(self._commit, durable)

    async def abort(self) -> None:
        """Forget what was written; without effect after a commit."""
        await self._in_thread(self._abort)

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        await asyncio.to_thread(self._alone, work, *arguments)

    def _alone(self, work: Callable[..., None], *arguments: object) -> None:
        # The thread of a cancelled call goes on; the next call has to wait for it.
        with self._busy, explained(self._root):
            work(*arguments)

    def _flush(self) -> None:
        if self._failed:
            raise BlobsUnavailable(f"writing {self._path.name} below {self._root} has failed before")
        self._failed = True
        descriptor = self._opened()
        pending, self._pending = memoryview(self._pending), bytearray()
        while pending:
            pending = pending[os.write(descriptor, pending) :]
        self._failed = False

    def _commit(self, durable: bool) -> None:
        self._flush()
        self._failed = True
        if durable:
            os.fsync(self._opened())
        self._close()
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._partial.rename(self._path)
        if durable:
            for directory in (self._path.parent, self._root):
                sync_directory(directory)

    def _abort(self) -> None:
        self._failed = True
        self._close()
        self._partial.unlink(missing_ok=True)

    def _opened(self) -> int:
        if self._descriptor is None:
            if not self._root.is_dir():
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_directory(self._root.parent)
            self._partial.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return self._descriptor

    def _close(self) -> None:
        # Even where closing fails the descriptor is gone, and may already be somebody else's.
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive the loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """The operating system's errors as BlobsUnavailable."""
    try:
        yield
    except OSError as error:
        what = "is full" if error.errno in FULL else f"cannot be used: {error.strerror}"
        raise BlobsUnavailable(f"the blob directory {root} {what}") from error
