"""What was published, in parcels, and is not confirmed yet: bookkeeping without I/O.

Promises: every batch is finished exactly once, when each of its parcels was confirmed, refused or
given up; a return is charged to exactly the publication that came back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.adapters.rabbitmq.parcel import Parcel
from shared.ports.broker import BrokerUnavailable, Publication


@dataclass(slots=True, eq=False)
class Batch:
    """The parcels of one call; `finished` is called when `complete` was and none of them is open."""

    finished: Callable[[], None]
    open: int = 0
    completed: bool = False
    refused: int = 0
    returned: list[Publication] = field(default_factory=list)
    error: BrokerUnavailable | None = None

    def complete(self) -> None:
        """No further parcel belongs to it."""
        self.completed = True
        self.settle(0)

    def settle(self, count: int) -> None:
        """`count` more of its parcels are not open any longer."""
        self.open -= count
        if self.completed and self.open <= 0:
            self.finished()


class PublishWindow:
    """The open parcels of one channel by their tag, which counts from 1 as RabbitMQ does."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._open: dict[int, tuple[Batch, Parcel, int]] = {}
        self._bytes = 0
        self._last_tag = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def has_room(self) -> bool:
        """Whether another parcel may go out."""
        return not self._open or (len(self._open) < self._most and self._bytes < self._most_bytes)

    def open_keys(self) -> set[str]:
        """The routing keys of what is open."""
        return {parcel.key for _, parcel, _ in self._open.values()}

    @property
    def next_tag(self) -> int:
        """The tag of the parcel that is added next."""
        return self._last_tag + 1

    def add(self, batch: Batch, parcel: Parcel, octets: int) -> int:
        """A parcel of so many octets has gone out; its tag."""
        self._last_tag = tag = self._last_tag + 1
        self._open[tag] = batch, parcel, octets
        self._bytes += octets
        batch.open += 1
        return tag

    def returned(self, tag: int) -> None:
        """No queue took this one; its confirm is still to come."""
        if tag in self._open:
            batch, parcel, _ = self._open[tag]
            batch.returned += parcel.publications

    def answered(self, tag: int, *, multiple: bool, taken: bool) -> None:
        """RabbitMQ took or refused this one, with `multiple` all up to it; tags not open are ignored."""
        for each in self._up_to(tag) if multiple else (tag,):
            entry = self._open.pop(each, None)
            if entry is None:
                continue
            batch, parcel, octets = entry
            self._bytes -= octets
            batch.refused += 0 if taken else len(parcel.publications)
            batch.settle(1)

    def give_up(self, error: BrokerUnavailable) -> None:
        """Nothing is known of all that are open, and nothing will be."""
        entries = list(self._open.values())
        self._open.clear()
        self._bytes = 0
        for batch, _, _ in entries:
            batch.error = error
            batch.settle(1)

    def _up_to(self, tag: int) -> list[int]:
        tags = []
        for each in self._open:
            if each > tag:
                break
            tags.append(each)
        return tags
