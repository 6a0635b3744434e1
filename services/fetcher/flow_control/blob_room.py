"""How much room the blob store has left, shared among the visits of this process.

A visit reserves before it reads: else many visits, each with room for one mail, would fill the disk together
and none would finish its mail. The store is asked once for each portion of mails, never for each mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, takewhile

from shared.ports.blobs import Blobs

MARGIN = 1024 * 1024
"""Octets that are left free for what has to be parked, and for what the file system itself needs."""


class BlobRoom:
    """What all visits have reserved. What is written counts twice until its portion ends, so the room is
    underestimated, never overestimated.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._reserved = 0

    async def left(self) -> int | None:
        """Return how many octets can be reserved now; None for any number. Raises `BlobsUnavailable`."""
        room = await self._blobs.free_octets()
        return None if room is None else max(0, room - MARGIN - self._reserved)

    @contextmanager
    def reserved(self, octets: int) -> Iterator[None]:
        """Reserve so many octets for a portion while it is read."""
        self._reserved += octets
        try:
            yield
        finally:
            self._reserved -= octets


def fitting(octets: Sequence[int], left: int | None) -> int:
    """Return how many of the first mails, with these octets to be stored, fit into what is left."""
    if left is None:
        return len(octets)
    return sum(1 for _ in takewhile(lambda total: total <= left, accumulate(octets)))
