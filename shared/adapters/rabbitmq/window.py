"""Parcels that were published and not confirmed yet, without I/O.

A batch is finished exactly once: when each of its parcels was confirmed, refused or given up. A return counts
for exactly the publications that came back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.adapters.rabbitmq.parcel import Parcel
from shared.ports.broker import BrokerUnavailable, Publication


@dataclass(slots=True, eq=False)
class Batch:
    """The parcels of one call. `finished` is called once no parcel is to follow and none is open."""

    finished: Callable[[], None]
    open: int = 0
    completed: bool = False
    refused: int = 0
    returned: list[Publication] = field(default_factory=list)
    error: BrokerUnavailable | None = None

    def complete(self) -> None:
        """Say that no further parcel follows."""
        self.completed = True
        self.settle(0)

    def settle(self, count: int) -> None:
        """Close `count` of its parcels."""
        self.open -= count
        if self.completed and self.open <= 0:
            self.finished()


class PublishWindow:
    """The open parcels of one channel by their tags, which count from 1 as RabbitMQ's do."""

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
        """Add a parcel that was sent, and return its tag."""
        self._last_tag = tag = self._last_tag + 1
        self._open[tag] = batch, parcel, octets
        self._bytes += octets
        batch.open += 1
        return tag

    def returned(self, tag: int) -> None:
        """Record that no queue took this parcel; its confirm follows."""
        if tag in self._open:
            batch, parcel, _ = self._open[tag]
            batch.returned += parcel.publications

    def answered(self, tag: int, *, multiple: bool, taken: bool) -> None:
        """Record a confirm or refusal of this parcel, or of all up to it; unknown tags are ignored."""
        for each in self._up_to(tag) if multiple else (tag,):
            entry = self._open.pop(each, None)
            if entry is None:
                continue
            batch, parcel, octets = entry
            self._bytes -= octets
            batch.refused += 0 if taken else len(parcel.publications)
            batch.settle(1)

    def give_up(self, error: BrokerUnavailable) -> None:
        """Fail all open parcels: whether they arrived is unknown."""
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
