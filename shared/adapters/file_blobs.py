"""Blobs as files below one directory, which any number of processes may share.

Layout: `ab/parked+01h…`, where `ab` is a digest of the name (so that no directory grows too large) and `+`
stands for `/`; `partial/` holds what is still being written. A blob gets its name by a rename, whole. Files
are readable by their owner only. Disk I/O happens in threads, in pieces large enough that a small blob
costs one thread hop.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from threading import Lock

from shared.adapters.blob_names import checked
from shared.adapters.file_blob_writer import PARTIAL, PIECE, FileBlobWriter, explained
from shared.ports.blobs import BlobMissing


class FileBlobs:
    """Blobs below `root`, which is made when it is first needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def create(self, name: str) -> FileBlobWriter:
        """Begin a blob."""
        return FileBlobWriter(self._root, self._path(name))

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """The blob in pieces; see the port."""
        reader = await asyncio.to_thread(self._opened, name)
        try:
            while piece := await asyncio.to_thread(reader.piece):
                yield piece
        finally:
            reader.close()

    async def delete(self, name: str) -> None:
        """Remove the blob, if there is one."""
        await asyncio.to_thread(self._delete, self._path(name))

    async def names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """The names that begin with `prefix`, of files last written before that time; see the port."""
        for directory in await asyncio.to_thread(self._listed, self._root):
            if directory == PARTIAL:
                continue
            for name in await asyncio.to_thread(self._names, self._root / directory, prefix, before):
                yield name

    async def check(self) -> None:
        """Raises BlobsUnavailable where nothing can be written."""
        writer = FileBlobWriter(self._root, self._root / PARTIAL / "check")
        try:
            await writer.write(b"x" * PIECE)
        finally:
            await writer.abort()

    async def remove_leftovers(self, before: float) -> int:
        """Remove what crashed writers left unfinished, last written to before this time (seconds, UTC).

        How many there were. Choose a time before which nobody can have begun a blob that is still written.
        """
        return await asyncio.to_thread(self._remove_leftovers, before)

    async def room(self) -> int:
        """What the file system has left for us, in octets."""
        return await asyncio.to_thread(self._room)

    def _room(self) -> int:
        with explained(self._root):
            there = next((each for each in (self._root, *self._root.parents) if each.exists()), self._root)
            left = os.statvfs(there)
            return left.f_bavail * left.f_frsize

    def _path(self, name: str) -> Path:
        shard = hashlib.blake2s(checked(name).encode(), digest_size=1).hexdigest()
        return self._root / shard / name.replace("/", "+")

    def _names(self, directory: Path, prefix: str, before: float | None) -> list[str]:
        names = {file: file.replace("+", "/") for file in self._listed(directory)}
        return [
            name
            for file, name in names.items()
            if name.startswith(prefix) and (before is None or _written(directory / file) < before)
        ]

    def _opened(self, name: str) -> _Reader:
        with explained(self._root):
            try:
                return _Reader(self._root, self._path(name).open("rb", buffering=0))
            except FileNotFoundError:
                raise BlobMissing(f"there is no blob {name}") from None

    def _delete(self, path: Path) -> None:
        with explained(self._root):
            path.unlink(missing_ok=True)

    def _listed(self, directory: Path) -> list[str]:
        with explained(self._root):
            try:
                return [entry.name for entry in directory.iterdir()]
            except FileNotFoundError:
                return []

    def _remove_leftovers(self, before: float) -> int:
        removed = 0
        with explained(self._root):
            for name in self._listed(self._root / PARTIAL):
                path = self._root / PARTIAL / name
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before:
                        path.unlink()
                        removed += 1
        return removed


def _written(path: Path) -> float:
    """When a file was last written; one that is just being deleted counts as young."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


class _Reader:
    """An open blob. The thread of a cancelled reader may still be reading when it is closed: that waits."""

    def __init__(self, root: Path, file: FileIO) -> None:
        self._root = root
        self._file = file
        self._busy = Lock()

    def piece(self) -> bytes:
        with self._busy, explained(self._root):
            return self._file.read(PIECE)

    def close(self) -> None:
        with self._busy:
            self._file.close()
