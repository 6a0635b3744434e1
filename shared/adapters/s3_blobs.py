"""Blobs as objects in an S3 bucket, which any number of processes on any machines may share.

An object is visible whole or not at all. It is durable once the bucket has confirmed it, so a durable
`commit` waits for nothing more. A small blob is one request, a large one is sent in parts as they fill.

Memory is bounded by a few parts for each blob being written, and by one range for each being read. A reader
requests one range after the other, so a slow reader keeps no connection waiting. What a broken upload leaves
behind is invisible here; a lifecycle rule of the bucket (abort incomplete multipart uploads) removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from shared.model.errors import quoted
from shared.model.s3_location import S3Location
from shared.ports.blobs import BlobMissing, BlobsUnavailable, checked_blob_name, is_blob_name

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

PIECE = 256 * 1024
RANGE = 4 * 1024 * 1024
PART = 8 * 1024 * 1024
AHEAD = 2
"""Parts that may wait to be sent."""
NO_BUCKET = "NoSuchBucket"
CHECK = ".check"
CLIENT: ClientConfig = {"connect_timeout": "10s", "timeout": "120s"}
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class S3Blobs:
    """Blobs in the bucket at `location`, below its prefix."""

    def __init__(self, location: S3Location) -> None:
        self._location = str(location)
        self._store = S3Store(
            location.name,
            prefix=location.prefix or None,
            config=_config(location),
            client_options={**CLIENT, "allow_http": True} if _is_plain(location.endpoint) else CLIENT,
            retry_config=RETRIES,
        )

    async def create(self, name: str) -> S3BlobWriter:
        """Begin a blob."""
        return S3BlobWriter(self._store, checked_blob_name(name), self._translated_errors)

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """Yield the blob in pieces; see the port. If it is replaced meanwhile, the two are not mixed."""
        checked_blob_name(name)
        with self._translated_errors(name):
            meta = await obstore.head_async(self._store, name)
        for start in range(0, meta["size"], RANGE):
            end = min(start + RANGE, meta["size"])
            with self._translated_errors(name):
                found = await obstore.get_async(
                    self._store, name, options={"range": (start, end), "if_match": meta["e_tag"]}
                )
                data = memoryview(await found.bytes_async())
            for offset in range(0, len(data), PIECE):
                yield bytes(data[offset : offset + PIECE])

    async def delete(self, name: str) -> None:
        """Remove the blob, if there is one."""
        try:
            with self._translated_errors(checked_blob_name(name)):
                await obstore.delete_async(self._store, name)
        except BlobMissing:
            return

    async def list_names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """Yield the names that begin with `prefix`, of blobs last written before that time; see the port."""
        folder = prefix.rpartition("/")[0]
        with self._translated_errors(prefix):
            async for batch in obstore.list(self._store, prefix=folder or None):
                for each in batch:
                    name = each["path"]
                    young = before is not None and each["last_modified"].timestamp() >= before
                    if is_blob_name(name) and name.startswith(prefix) and not young:
                        yield name

    async def free_octets(self) -> None:
        """Return None: a bucket reports no bound."""
        return

    async def check(self) -> None:
        """Raise BlobsUnavailable where nothing can be written."""
        with self._translated_errors(CHECK):
            await obstore.put_async(self._store, CHECK, b"x", use_multipart=False)
            await obstore.delete_async(self._store, CHECK)

    async def remove_leftovers(self, before: float) -> int:
        """Do nothing: the bucket removes leftovers itself, see above."""
        return 0

    @contextmanager
    def _translated_errors(self, name: str) -> Iterator[None]:
        """Raise the library's errors as those of the port."""
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            if NO_BUCKET in str(error):
                raise BlobsUnavailable(f"the bucket {self._location} does not exist") from error
            raise BlobMissing(f"there is no blob {name}") from None
        except (BaseError, OSError) as error:
            raise BlobsUnavailable(
                f"the bucket {self._location} cannot be used: {_first_line(error)}"
            ) from error


class S3BlobWriter:
    """A blob that is being written, until `commit` makes it visible under its name.

    After a failure it refuses everything but `abort`, so that no blob lacks a piece.
    """

    def __init__(
        self, store: S3Store, name: str, translated_errors: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self._store = store
        self._name = name
        self._translated_errors = translated_errors
        self._pending = bytearray()
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self._upload: asyncio.Task[object] | None = None
        self._closed = False

    async def write(self, data: bytes) -> None:
        """Append `data`. Raises BlobsUnavailable."""
        if self._closed:
            raise BlobsUnavailable(f"writing {self._name} has failed before")
        self._pending += data
        while len(self._pending) >= PART:
            await self._send_part(bytes(self._pending[:PART]))
            del self._pending[:PART]

    async def commit(self, *, durable: bool) -> None:
        """Make the blob visible and durable. Raises BlobsUnavailable; then `abort` ends the upload."""
        if self._closed:
            raise BlobsUnavailable(f"writing {self._name} has failed before")
        self._closed = True
        rest = bytes(self._pending)
        self._pending.clear()
        with self._translated_errors(self._name):
            if self._upload is None:
                await obstore.put_async(self._store, self._name, rest, use_multipart=False)
                return
            await self._send_part(rest)
            await self._queue_part(None)
            await self._upload

    async def abort(self) -> None:
        """Drop what was written; without effect after a commit."""
        self._closed = True
        self._pending.clear()
        upload, self._upload = self._upload, None
        if upload is not None and not upload.done():
            upload.cancel()
        if upload is not None:
            with suppress(Exception, asyncio.CancelledError):
                await upload

    async def _send_part(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = asyncio.ensure_future(
                obstore.put_async(
                    self._store, self._name, self._queued_parts(), chunk_size=PART, max_concurrency=AHEAD
                )
            )
        await self._queue_part(part)

    async def _queue_part(self, part: bytes | None) -> None:
        """Wait until the part can be queued, or until the upload fails; that error is raised."""
        assert self._upload is not None
        room = asyncio.ensure_future(self._parts.put(part))
        try:
            await asyncio.wait({room, self._upload}, return_when=asyncio.FIRST_COMPLETED)
            if self._upload.done():
                self._closed = True
                with self._translated_errors(self._name):
                    await self._upload
        finally:
            room.cancel()

    async def _queued_parts(self) -> AsyncGenerator[bytes, None]:
        while (part := await self._parts.get()) is not None:
            yield part


def _config(location: S3Location) -> S3Config:
    config: S3Config = {}
    if location.endpoint is not None:
        config["endpoint"] = location.endpoint
    if location.region is not None:
        config["region"] = location.region
    if location.access_key is not None and location.secret_key is not None:
        config["access_key_id"] = location.access_key
        config["secret_access_key"] = location.secret_key.get_secret_value()
    return config


def _is_plain(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.startswith("http:")


def _first_line(error: Exception) -> str:
    """Return the first line of the error. The library adds a dump that no operator can use."""
    return quoted(str(error).split("\n", 1)[0])
