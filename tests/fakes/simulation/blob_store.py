"""A simulated blob store in memory, whose disk may be full."""

from __future__ import annotations

from collections.abc import AsyncIterator

from shared.ports.blobs import BlobMissing, BlobsUnavailable, BlobWriter
from tests.fakes.simulation.process import Process


class SimulatedBlobStore:
    """The blobs of all processes."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.is_full = False


class ProcessBlobs:
    """The blobs as one process sees them."""

    def __init__(self, blob_store: SimulatedBlobStore, process: Process) -> None:
        self._blob_store = blob_store
        self._process = process

    async def create(self, name: str) -> BlobWriter:
        return ProcessBlobWriter(self._blob_store, self._process, name)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        if name not in self._blob_store.blobs:
            raise BlobMissing(f"there is no blob {name}")
        yield self._blob_store.blobs[name]

    async def delete(self, name: str) -> None:
        await self._process.effect(
            f"delete blob {name}",
            lambda: self._blob_store.blobs.pop(name, None),
            lambda: BlobsUnavailable("the disk is unavailable"),
        )

    async def names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """Yield no old blobs: no simulation is long enough."""
        for name in [*self._blob_store.blobs]:
            if name.startswith(prefix) and before is None:
                yield name

    async def remove_leftovers(self, before: float) -> int:
        return 0

    async def room(self) -> int | None:
        return 0 if self._blob_store.is_full else None

    async def check(self) -> None:
        if self._blob_store.is_full:
            raise BlobsUnavailable("the disk is full")


class ProcessBlobWriter:
    """A blob that is being written. It is visible after its commit."""

    def __init__(self, blob_store: SimulatedBlobStore, process: Process, name: str) -> None:
        self._blob_store = blob_store
        self._process = process
        self._name = name
        self._data = bytearray()

    async def write(self, data: bytes) -> None:
        if self._blob_store.is_full:
            raise BlobsUnavailable("the disk is full")
        self._data += data

    async def commit(self, *, durable: bool) -> None:
        await self._process.effect(
            f"store blob {self._name}", self._store, lambda: BlobsUnavailable("the disk is unavailable")
        )

    async def abort(self) -> None:
        self._data.clear()

    def _store(self) -> None:
        self._blob_store.blobs[self._name] = bytes(self._data)
