"""The deliveries of one channel that are not settled: bookkeeping without I/O.

RabbitMQ settles messages: one tag, or all up to one, in a single frame. All up to one may be said only where
nothing below is still being worked on. A message may hold several events; it is settled with the last of
them, and handed out again as a whole where one of them has to be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Settlement(NamedTuple):
    """What to tell RabbitMQ: tags to hand out again, then the tag up to which all were handled, if there is
    one, and those handled beyond a gap.
    """

    again: list[int]
    up_to: int | None
    beyond: list[int]


class UnsettledTags:
    """Messages by their tags, in the order in which they came, which is rising; events by numbers of ours."""

    def __init__(self) -> None:
        self._last_number = 0
        self._tag_of: dict[int, int] = {}
        self._open: dict[int, int] = {}
        self._spoiled: set[int] = set()

    def __len__(self) -> int:
        """How many messages are not settled."""
        return len(self._open)

    def add(self, tag: int, events: int = 1) -> range:
        """A message with so many events came; their numbers."""
        numbers = range(self._last_number + 1, self._last_number + 1 + events)
        self._last_number += events
        self._open[tag] = events
        for number in numbers:
            self._tag_of[number] = tag
        return numbers

    def settle(self, numbers: Iterable[int], *, again: bool = False) -> Settlement:
        """These events were handled, or have to come `again`.

        Those that are settled already or were never seen are left out: RabbitMQ ends a session over them.
        """
        closed = set()
        for number in numbers:
            tag = self._tag_of.pop(number, None)
            if tag is None:
                continue
            self._open[tag] -= 1
            if again:
                self._spoiled.add(tag)
            if self._open[tag] == 0:
                closed.add(tag)
        return self._told(closed)

    def _told(self, closed: set[int]) -> Settlement:
        spoiled = sorted(closed & self._spoiled)
        for tag in spoiled:
            del self._open[tag]
            self._spoiled.remove(tag)
        handled = closed.difference(spoiled)
        prefix = []
        for tag in self._open:
            if tag not in handled:
                break
            prefix.append(tag)
        for tag in handled:
            del self._open[tag]
        return Settlement(spoiled, prefix[-1] if prefix else None, sorted(handled.difference(prefix)))
