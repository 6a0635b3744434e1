"""Blobs in memory, on a disk that may be full."""

from __future__ import annotations

from collections.abc import AsyncIterator

from shared.ports.blobs import BlobMissing, BlobsUnavailable, BlobWriter
from tests.fakes.world.process import Process


class Shelf:
    """The blobs that all processes share."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.is_full = False


class BlobsInTurn:
    """The blobs as one process sees them."""

    def __init__(self, shelf: Shelf, process: Process) -> None:
        self._shelf = shelf
        self._process = process

    async def create(self, name: str) -> BlobWriter:
        return WriterInTurn(self._shelf, self._process, name)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        if name not in self._shelf.blobs:
            raise BlobMissing(f"there is no blob {name}")
        yield self._shelf.blobs[name]

    async def delete(self, name: str) -> None:
        await self._process.effect(
            f"delete blob {name}",
            lambda: self._shelf.blobs.pop(name, None),
            lambda: BlobsUnavailable("the disk is away"),
        )

    async def list_names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """No history in the small world is long enough for a blob to be old."""
        for name in [*self._shelf.blobs]:
            if name.startswith(prefix) and before is None:
                yield name

    async def remove_leftovers(self, before: float) -> int:
        return 0

    async def free_octets(self) -> int | None:
        return 0 if self._shelf.is_full else None

    async def check(self) -> None:
        if self._shelf.is_full:
            raise BlobsUnavailable("the disk is full")


class WriterInTurn:
    """A blob that is being written. It is visible only when it is whole."""

    def __init__(self, shelf: Shelf, process: Process, name: str) -> None:
        self._shelf = shelf
        self._process = process
        self._name = name
        self._data = bytearray()

    async def write(self, data: bytes) -> None:
        if self._shelf.is_full:
            raise BlobsUnavailable("the disk is full")
        self._data += data

    async def commit(self, *, durable: bool) -> None:
        await self._process.effect(
            f"keep blob {self._name}", self._keep, lambda: BlobsUnavailable("the disk is away")
        )

    async def abort(self) -> None:
        self._data.clear()

    def _keep(self) -> None:
        self._shelf.blobs[self._name] = bytes(self._data)
