"""Blobs: raw mails that are too large for an event, and the raw mails of what is parked.

Obligations of an adapter
- A blob exists whole or not at all. Nobody sees a half-written one, and a crash leaves none under its name.
- `commit(durable=True)` returns only when the blob would survive a loss of power.
- Names are made by Mailferry (`is_blob_name`). An adapter refuses others with ValueError.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Protocol

from shared.model.errors import Fault, MailferryError

LONGEST_NAME = 200
_NAME = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)*", re.ASCII)


class BlobsUnavailable(MailferryError):
    """The blob store cannot be reached, is full, or refuses."""

    fault = Fault.BLOBS


class BlobMissing(MailferryError):
    """There is no blob of this name."""

    temporary = False
    fault = Fault.BLOBS


class BlobWriter(Protocol):
    """A blob that is being written. End it with `commit` or `abort`."""

    async def write(self, data: bytes) -> None:
        """Append `data`. Raises `BlobsUnavailable`."""
        ...

    async def commit(self, *, durable: bool) -> None:
        """Make the blob visible under its name, replacing an older one. Raises `BlobsUnavailable`."""
        ...

    async def abort(self) -> None:
        """Drop what was written."""
        ...


class Blobs(Protocol):
    """A store of blobs by name."""

    async def create(self, name: str) -> BlobWriter:
        """Begin a blob."""
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield the blob in pieces of at most 256 KiB. Raises `BlobMissing` or `BlobsUnavailable`."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the blob. It is no error if there is none."""
        ...

    def list_names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """Yield the names of all blobs that begin with `prefix`, in no order.

        With `before` (seconds since the epoch, by the store's own clock), only blobs last written before
        that time.
        """
        ...

    async def remove_leftovers(self, before: float) -> int:
        """Remove what crashed writers last wrote before `before`. Return how many there were.

        Choose a time early enough that no writer who began before it is still writing.
        """
        ...

    async def free_octets(self) -> int | None:
        """Return the octets that can be stored; None where no bound is known. Raises `BlobsUnavailable`."""
        ...

    async def check(self) -> None:
        """Raise `BlobsUnavailable` where the store cannot be written to."""
        ...


def is_blob_name(name: str) -> bool:
    """Return whether a blob may have this name: it becomes the path of a file or the key of an object."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def checked_blob_name(name: str) -> str:
    """Return `name`. Raises ValueError where no blob may have it."""
    if not is_blob_name(name):
        raise ValueError(f"{name!r} is no name of a blob")
    return name
