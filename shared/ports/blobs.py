"""Blobs: raw mails too large for an event, and the raw mails of what is parked.

Obligations of an adapter
- A blob exists whole or not at all: nobody sees a half-written one, a crash leaves none under its name.
- `commit(durable=True)` returns only when the blob would survive the loss of power.
- Names are made by us (lower-case letters, digits, `-` and `/`); an adapter refuses others with ValueError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from shared.model.errors import Fault, MailferryError


class BlobsUnavailable(MailferryError):
    """The blob store cannot be reached, is full, or refuses."""

    fault = Fault.BLOBS


class BlobMissing(MailferryError):
    """There is no blob of this name."""

    temporary = False
    fault = Fault.BLOBS


class BlobWriter(Protocol):
    """A blob being written; end it by `commit` or `abort`."""

    async def write(self, data: bytes) -> None:
        """Append `data`. Raises `BlobsUnavailable`."""
        ...

    async def commit(self, *, durable: bool) -> None:
        """Make the blob visible under its name, replacing an older one. Raises `BlobsUnavailable`."""
        ...

    async def abort(self) -> None:
        """Forget what was written."""
        ...


class Blobs(Protocol):
    """A store of blobs by name."""

    async def create(self, name: str) -> BlobWriter:
        """Begin a blob."""
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """The blob in pieces of at most 256 KiB. Raises `BlobMissing` or `BlobsUnavailable`."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the blob; it is no error if there is none."""
        ...

    def names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """The names of all blobs that begin with `prefix`, in no order; of those only that were last written
        before `before` (seconds since the epoch, by the store's own clock), where that is given.
        """
        ...

    async def remove_leftovers(self, before: float) -> int:
        """Remove what writers that crashed left unfinished, last written to before `before`; returns how many
        there were. Choose a time before which nobody can have begun a blob that is still written.
        """
        ...

    async def room(self) -> int | None:
        """How many octets can be stored now; None where the store knows no bound. Raises
        `BlobsUnavailable`.
        """
        ...

    async def check(self) -> None:
        """Raises `BlobsUnavailable` where the store cannot be written to."""
        ...
