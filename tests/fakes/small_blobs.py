"""Blobs in a directory of limited size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from shared.adapters.file_blobs import FileBlobs
from shared.ports.blobs import BlobsUnavailable, BlobWriter


class SmallBlobs:
    """Blobs that fail when the directory is full. `most` octets may be changed.

    With `tells_room` it reports what is left. `asked` counts how often that was asked.
    """

    def __init__(self, directory: Path, most: int, *, tells_room: bool = True) -> None:
        self._blobs = FileBlobs(directory)
        self._directory = directory
        self._tells_room = tells_room
        self._written = 0
        self.most = most
        self.asked = 0

    @property
    def used(self) -> int:
        return self._written + sum(each.stat().st_size for each in self._directory.glob("??/*"))

    async def create(self, name: str) -> BlobWriter:
        return _Writer(self, await self._blobs.create(name))

    def read(self, name: str) -> AsyncIterator[bytes]:
        return self._blobs.read(name)

    async def delete(self, name: str) -> None:
        await self._blobs.delete(name)

    def list_names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        return self._blobs.list_names(prefix, before)

    async def remove_leftovers(self, before: float) -> int:
        return await self._blobs.remove_leftovers(before)

    async def free_octets(self) -> int | None:
        self.asked += 1
        return self.most - self.used if self._tells_room else None

    async def check(self) -> None:
        if self.used >= self.most:
            raise BlobsUnavailable("the blobs are full")

    def take(self, octets: int) -> None:
        """Count octets of a blob that is being written. Raises `BlobsUnavailable` when there is no room."""
        if octets > 0 and self.used + octets > self.most:
            raise BlobsUnavailable("the blobs are full")
        self._written += octets


class _Writer:
    def __init__(self, blobs: SmallBlobs, writer: BlobWriter) -> None:
        self._blobs = blobs
        self._writer = writer
        self._octets = 0

    async def write(self, data: bytes) -> None:
        self._blobs.take(len(data))
        self._octets += len(data)
        await self._writer.write(data)

    async def commit(self, *, durable: bool) -> None:
        await self._writer.commit(durable=durable)
        self._give_back()

    async def abort(self) -> None:
        await self._writer.abort()
        self._give_back()

    def _give_back(self) -> None:
        """Stop counting what was written: from now on it is in the directory, or nowhere."""
        self._blobs.take(-self._octets)
        self._octets = 0
