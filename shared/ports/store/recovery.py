"""Mails whose source cannot be relied upon: spooled ones, and those that left it before they were served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.custody.state import Message
from shared.ports.store.deliveries import Concluded


class Recovery(Protocol):
    """How a mail goes on of which only the blob is left, and what is known of one of which nothing is."""

    async def republish(
        self, fetcher: str, now: float, lease: float, longest: float, limit: int
    ) -> Sequence[Message]:
        """Mails held in blobs alone whose event is lost, each with a new `fetch_no` and lease: they are to be
        published again by `fetcher`.

        A lease that ends more than `longest` seconds from now was set by a clock that was ahead, and is over.
        """
        ...

    async def lose_blobs(self, blobs: Mapping[str, str], reason: str, now: float) -> Concluded:
        """The blobs of these messages (id: blob) are no more.

        What the source has still will be fetched again; of the rest, those who were not served are parked
        with the reason.
        """
        ...

    async def left_behind(self, limit: int) -> Sequence[Message]:
        """Mails that left their source before every recipient was done and of which no copy is held.

        The oldest first. One whose event is on its way still may be served yet.
        """
        ...
