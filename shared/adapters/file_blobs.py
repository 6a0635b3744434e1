"""Blobs as files below one directory, which any number of processes may share.

Layout: `ab/parked+01h…`. `ab` is a digest of the name, so that no directory grows too large; `+` stands for
`/`. `partial/` holds what is being written. A blob gets its name by a rename, when it is whole. Only the
owner can read the files.

Disk I/O happens in threads, in pieces so large that a small blob costs one call to a thread. A durable blob
is synchronised before it gets its name, and the directories that hold the name after that.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import math
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from threading import Lock

from shared.ports.blobs import BlobMissing, BlobsUnavailable, checked_blob_name

PIECE = 256 * 1024
PARTIAL = "partial"
FULL = {errno.ENOSPC, errno.EDQUOT}


class FileBlobs:
    """Blobs below `root`, which is created when it is first needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def create(self, name: str) -> FileBlobWriter:
        """Begin a blob."""
        return FileBlobWriter(self._root, self._path(name))

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """Yield the blob in pieces; see the port."""
        reader = await asyncio.to_thread(self._open, name)
        try:
            while piece := await asyncio.to_thread(reader.read_piece):
                yield piece
        finally:
            reader.close()

    async def delete(self, name: str) -> None:
        """Remove the blob, if there is one."""
        await asyncio.to_thread(self._delete, self._path(name))

    async def list_names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """Yield the names that begin with `prefix`, of files last written before that time; see the port."""
        for directory in await asyncio.to_thread(self._list_directory, self._root):
            if directory == PARTIAL:
                continue
            for name in await asyncio.to_thread(self._list_names, self._root / directory, prefix, before):
                yield name

    async def check(self) -> None:
        """Raise BlobsUnavailable where nothing can be written."""
        writer = FileBlobWriter(self._root, self._root / PARTIAL / "check")
        try:
            await writer.write(b"x" * PIECE)
        finally:
            await writer.abort()

    async def remove_leftovers(self, before: float) -> int:
        """Remove what crashed writers last wrote before this time (seconds, UTC); see the port."""
        return await asyncio.to_thread(self._remove_leftovers, before)

    async def free_octets(self) -> int:
        """Return how many octets the file system has left for us."""
        return await asyncio.to_thread(self._free_octets)

    def _free_octets(self) -> int:
        with translated_errors(self._root):
            there = next((each for each in (self._root, *self._root.parents) if each.exists()), self._root)
            left = os.statvfs(there)
            return left.f_bavail * left.f_frsize

    def _path(self, name: str) -> Path:
        shard = hashlib.blake2s(checked_blob_name(name).encode(), digest_size=1).hexdigest()
        return self._root / shard / name.replace("/", "+")

    def _list_names(self, directory: Path, prefix: str, before: float | None) -> list[str]:
        names = {file: file.replace("+", "/") for file in self._list_directory(directory)}
        return [
            name
            for file, name in names.items()
            if name.startswith(prefix) and (before is None or _last_written(directory / file) < before)
        ]

    def _open(self, name: str) -> _Reader:
        with translated_errors(self._root):
            try:
                return _Reader(self._root, self._path(name).open("rb", buffering=0))
            except FileNotFoundError:
                raise BlobMissing(f"there is no blob {name}") from None

    def _delete(self, path: Path) -> None:
        with translated_errors(self._root):
            path.unlink(missing_ok=True)

    def _list_directory(self, directory: Path) -> list[str]:
        with translated_errors(self._root):
            try:
                return [entry.name for entry in directory.iterdir()]
            except FileNotFoundError:
                return []

    def _remove_leftovers(self, before: float) -> int:
        removed = 0
        with translated_errors(self._root):
            for name in self._list_directory(self._root / PARTIAL):
                path = self._root / PARTIAL / name
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before:
                        path.unlink()
                        removed += 1
        return removed


class FileBlobWriter:
    """A blob that is being written into `partial/`, until `commit` gives it its name.

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
        """Drop what was written; without effect after a commit."""
        await self._in_thread(self._abort)

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        await asyncio.to_thread(self._run_exclusively, work, *arguments)

    def _run_exclusively(self, work: Callable[..., None], *arguments: object) -> None:
        # The thread of a cancelled call goes on, and the next call must wait for it.
        with self._busy, translated_errors(self._root):
            work(*arguments)

    def _flush(self) -> None:
        if self._failed:
            raise BlobsUnavailable(f"writing {self._path.name} below {self._root} has failed before")
        self._failed = True
        descriptor = self._open()
        pending, self._pending = memoryview(self._pending), bytearray()
        while pending:
            pending = pending[os.write(descriptor, pending) :]
        self._failed = False

    def _commit(self, durable: bool) -> None:
        self._flush()
        self._failed = True
        if durable:
            os.fsync(self._open())
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

    def _open(self) -> int:
        if self._descriptor is None:
            if not self._root.is_dir():
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_directory(self._root.parent)
            self._partial.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return self._descriptor

    def _close(self) -> None:
        # Even if closing fails, the descriptor is free and may already be in use for another file.
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class _Reader:
    """An open blob. `close` waits for the thread of a cancelled read, which may still be reading."""

    def __init__(self, root: Path, file: FileIO) -> None:
        self._root = root
        self._file = file
        self._busy = Lock()

    def read_piece(self) -> bytes:
        with self._busy, translated_errors(self._root):
            return self._file.read(PIECE)

    def close(self) -> None:
        with self._busy:
            self._file.close()


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def translated_errors(root: Path) -> Iterator[None]:
    """Raise the operating system's errors as BlobsUnavailable."""
    try:
        yield
    except OSError as error:
        what = "is full" if error.errno in FULL else f"cannot be used: {error.strerror}"
        raise BlobsUnavailable(f"the blob directory {root} {what}") from error


def _last_written(path: Path) -> float:
    """Return when a file was last written. A file that is being deleted counts as new."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf
