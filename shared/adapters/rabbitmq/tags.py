"""The delivery tags of one channel that are not settled: bookkeeping without I/O.

RabbitMQ settles one tag, or all up to one, in a single frame. All up to one may be said only where nothing
below is still being worked on.
"""

from __future__ import annotations

from collections.abc import Iterable


class UnsettledTags:
    """Tags in the order in which they came, which is rising."""

    def __init__(self) -> None:
        self._unsettled: dict[int, None] = {}

    def add(self, tag: int) -> None:
        """A delivery came."""
        self._unsettled[tag] = None

    def settle(self, tags: Iterable[int]) -> tuple[int | None, list[int]]:
        """Settle these: the tag up to which all are settled now, if there is one, and those beyond a gap.

        Tags that are settled already or were never seen are left out: RabbitMQ ends a session over them.
        """
        unsettled = self._unsettled
        chosen = {tag for tag in tags if tag in unsettled}
        prefix = []
        for tag in unsettled:
            if tag not in chosen:
                break
            prefix.append(tag)
        beyond = sorted(chosen.difference(prefix))
        for tag in chosen:
            del unsettled[tag]
        return (prefix[-1] if prefix else None), beyond
