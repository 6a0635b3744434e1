"""Parcels: several small events of one routing key in one message of RabbitMQ.

A message costs RabbitMQ and both ends far more than the octets of a mail. So events that are published
together under one key travel in parcels. A parcel is marked by the message's type and holds each event after
its length; a single event travels as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared.model.batcher import Batcher
from shared.ports.broker import Publication

PARCEL = "mailferry.parcel"
MOST_EVENTS = 64
MOST_OCTETS = 256 * 1024
LENGTH = struct.Struct("!I")


class Unreadable(Exception):
    """A message is marked as a parcel and cannot be read as one."""


class Parcel(NamedTuple):
    """Publications of one key that travel in one message."""

    publications: tuple[Publication, ...]

    @property
    def key(self) -> str:
        """The routing key of them all."""
        return self.publications[0].key

    @property
    def mandatory(self) -> bool:
        """Whether a queue has to take them."""
        return self.publications[0].mandatory

    @property
    def kind(self) -> str | None:
        """The type that the message is marked with."""
        return PARCEL if len(self.publications) > 1 else None

    @property
    def body(self) -> bytes:
        """The body of the message."""
        if len(self.publications) == 1:
            return self.publications[0].body
        return b"".join(
            [part for each in self.publications for part in (LENGTH.pack(len(each.body)), each.body)]
        )


def parcels(publications: Sequence[Publication]) -> Iterator[Parcel]:
    """Yield the publications in their order, in as few parcels as possible."""
    batcher: Batcher[Publication] = Batcher(MOST_EVENTS, MOST_OCTETS)
    previous: Publication | None = None
    for each in publications:
        octets = len(each.body)
        if previous and not (_go_together(previous, each) and batcher.has_room_for(octets)):
            yield Parcel(tuple(batcher.take_batch()))
        batcher.add_item(each, octets)
        previous = each
    if previous:
        yield Parcel(tuple(batcher.take_batch()))


def _go_together(one: Publication, other: Publication) -> bool:
    return one.key == other.key and one.mandatory == other.mandatory


def unpacked(kind: str | None, body: bytes) -> list[bytes]:
    """Return the events in a message of this type. Raises `Unreadable`."""
    if kind != PARCEL:
        return [body]
    events = []
    at = 0
    while at < len(body):
        start = at + LENGTH.size
        if start > len(body):
            raise Unreadable(f"a parcel of {len(body)} bytes ends in a length")
        at = start + LENGTH.unpack_from(body, at)[0]
        if at > len(body):
            raise Unreadable(f"a parcel of {len(body)} bytes ends in an event")
        events.append(body[start:at])
    return events
