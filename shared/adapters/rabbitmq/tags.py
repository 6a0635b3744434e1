"""The unsettled deliveries of one channel, without I/O.

RabbitMQ settles one message by its tag, or all messages up to a tag in one frame. The latter is allowed only
where no lower tag is still being worked on. A message may hold several events: it is settled with the last of
them, and requeued as a whole where one of them has to be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Settlement(NamedTuple):
    """Frames to send: tags to requeue, the tag up to which all are acknowledged (None for none), and single
    tags to acknowledge beyond a gap.
    """

    again: list[int]
    up_to: int | None
    beyond: list[int]


class UnsettledTags:
    """Messages by their rising tags; events by numbers of our own."""

    def __init__(self) -> None:
        self._last_number = 0
        self._tag_of: dict[int, int] = {}
        self._open: dict[int, int] = {}
        self._to_requeue: set[int] = set()

    def __len__(self) -> int:
        """How many messages are not settled."""
        return len(self._open)

    def add(self, tag: int, events: int = 1) -> range:
        """Add a message with so many events, and return the numbers of the events."""
        numbers = range(self._last_number + 1, self._last_number + 1 + events)
        self._last_number += events
        self._open[tag] = events
        for number in numbers:
            self._tag_of[number] = tag
        return numbers

    def settle(self, numbers: Iterable[int], *, again: bool = False) -> Settlement:
        """Acknowledge these events, or requeue them with `again`.

        Unknown and settled numbers are left out: RabbitMQ ends a session over them.
        """
        closed = set()
        for number in numbers:
            tag = self._tag_of.pop(number, None)
            if tag is None:
                continue
            self._open[tag] -= 1
            if again:
                self._to_requeue.add(tag)
            if self._open[tag] == 0:
                closed.add(tag)
        return self._settlement(closed)

    def _settlement(self, closed: set[int]) -> Settlement:
        requeued = sorted(closed & self._to_requeue)
        for tag in requeued:
            del self._open[tag]
            self._to_requeue.remove(tag)
        handled = closed.difference(requeued)
        prefix = []
        for tag in self._open:
            if tag not in handled:
                break
            prefix.append(tag)
        for tag in handled:
            del self._open[tag]
        return Settlement(requeued, prefix[-1] if prefix else None, sorted(handled.difference(prefix)))
