"""The mails of one tenant that stand in the queues before others' mails: those that set out not long ago.

What is on its way for longer waits for its target, and nobody waits behind it.
"""

from __future__ import annotations

STANDING = 5.0
"""Seconds; a mail whose target takes it arrives in a fraction of one."""


class RecentlyPublished:
    """`octets` are those of all that stands there, as of the last look."""

    def __init__(self) -> None:
        self._mails: dict[str, tuple[float, int]] = {}
        self.octets = 0

    def add(self, message: str, octets: int, now: float) -> None:
        """A mail sets out; `now` is never less than before."""
        self.discard(message)
        self._mails[message] = (now + STANDING, octets)
        self.octets += octets

    def discard(self, message: str) -> None:
        """A mail has arrived; nothing happens where it does not stand here."""
        mail = self._mails.pop(message, None)
        if mail is not None:
            self.octets -= mail[1]

    def count(self, now: float) -> int:
        """How many stand there."""
        while self._mails:
            first = next(iter(self._mails))
            if self._mails[first][0] > now:
                break
            self.discard(first)
        return len(self._mails)
