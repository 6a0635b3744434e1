"""Blobs as objects in an S3 bucket, which any number of processes on any machines may share.

An object is visible whole or not at all, and durable once the bucket has confirmed it; so a `commit` that is
to be durable waits for nothing more. Memory is bounded by a few parts for each blob being written, and by one
range for each being read: a reader asks for one after the other, so a slow one keeps no connection waiting.
What a broken upload leaves behind is invisible here; a lifecycle rule of the bucket (abort incomplete
multipart uploads) removes it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from shared.adapters.blob_names import checked, is_name
from shared.adapters.s3_blob_writer import S3BlobWriter
from shared.model.errors import quoted
from shared.model.s3_location import S3Location
from shared.ports.blobs import BlobMissing, BlobsUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

PIECE = 256 * 1024
RANGE = 4 * 1024 * 1024
NO_BUCKET = "NoSuchBucket"
CHECK = ".check"
CLIENT: ClientConfig = {"connect_timeout": "10s", "timeout": "120s"}
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class S3Blobs:
    """Blobs in `bucket`, below its prefix."""

    def __init__(self, bucket: S3Location) -> None:
        self._place = str(bucket)
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config=_config(bucket),
            client_options={**CLIENT, "allow_http": True} if _is_plain(bucket.endpoint) else CLIENT,
            retry_config=RETRIES,
        )

    async def create(self, name: str) -> S3BlobWriter:
        """Begin a blob."""
        return S3BlobWriter(self._store, checked(name), self._explained)

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """The blob in pieces; see the port. If it is replaced meanwhile, the two are not mixed."""
        checked(name)
        with self._explained(name):
            meta = await obstore.head_async(self._store, name)
        for start in range(0, meta["size"], RANGE):
            end = min(start + RANGE, meta["size"])
            with self._explained(name):
                found = await obstore.get_async(
                    self._store, name, options={"range": (start, end), "if_match": meta["e_tag"]}
                )
                data = memoryview(await found.bytes_async())
            for offset in range(0, len(data), PIECE):
                yield bytes(data[offset : offset + PIECE])

    async def delete(self, name: str) -> None:
        """Remove the blob, if there is one."""
        try:
            with self._explained(checked(name)):
                await obstore.delete_async(self._store, name)
        except BlobMissing:
            return

    async def names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """The names that begin with `prefix`, of blobs last written before that time; see the port."""
        folder = prefix.rpartition("/")[0]
        with self._explained(prefix):
            async for batch in obstore.list(self._store, prefix=folder or None):
                for each in batch:
                    name = each["path"]
                    young = before is not None and each["last_modified"].timestamp() >= before
                    if is_name(name) and name.startswith(prefix) and not young:
                        yield name

    async def room(self) -> None:
        """A bucket has no bound that it would tell of."""
        return

    async def check(self) -> None:
        """Raises BlobsUnavailable where nothing can be written."""
        with self._explained(CHECK):
            await obstore.put_async(self._store, CHECK, b"x", use_multipart=False)
            await obstore.delete_async(self._store, CHECK)

    async def remove_leftovers(self, before: float) -> int:
        """Nothing to be done here: see above."""
        return 0

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """The library's errors as those of the port."""
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            if NO_BUCKET in str(error):
                raise BlobsUnavailable(f"the bucket {self._place} does not exist") from error
            raise BlobMissing(f"there is no blob {name}") from None
        except (BaseError, OSError) as error:
            raise BlobsUnavailable(
                f"the bucket {self._place} cannot be used: {_first_line(error)}"
            ) from error


def _config(bucket: S3Location) -> S3Config:
    config: S3Config = {}
    if bucket.endpoint is not None:
        config["endpoint"] = bucket.endpoint
    if bucket.region is not None:
        config["region"] = bucket.region
    if bucket.access_key is not None and bucket.secret_key is not None:
        config["access_key_id"] = bucket.access_key
        config["secret_access_key"] = bucket.secret_key.get_secret_value()
    return config


def _is_plain(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.startswith("http:")


def _first_line(error: Exception) -> str:
    """The library adds a dump of the error to its text; what an operator can use stands in front."""
    return quoted(str(error).split("\n", 1)[0])
