"""The window: how much of an account's mail may be on its way at once. The rest stays in the source mailbox.

Two bounds, mails and octets. A single mail larger than the octets still passes, alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.fetcher.choice import Wanted


class Window:
    """Counts what is on its way, from this visit and from earlier ones."""

    def __init__(self, messages: int, octets: int, already: Iterable[int] = ()) -> None:
        """`already` are the octets of each mail still on its way from earlier visits."""
        earlier = list(already)
        self._room_messages = messages - len(earlier)
        self._room_octets = octets - sum(earlier)
        self._held: dict[str, int] = {}

    def enter(self, message: str, octets: int) -> None:
        """A mail sets out."""
        self._held[message] = octets
        self._room_messages -= 1
        self._room_octets -= octets

    def leave(self, messages: Iterable[str]) -> None:
        """These mails have arrived; those not known here are passed over."""
        for message in messages:
            octets = self._held.pop(message, None)
            if octets is not None:
                self._room_messages += 1
                self._room_octets += octets

    @property
    def is_full(self) -> bool:
        """Whether nothing more may set out."""
        return self._room_messages <= 0 or self._room_octets <= 0

    def portion(self, waiting: Sequence[Wanted]) -> Sequence[Wanted]:
        """The first of `waiting` that fit, by their listed sizes: at least one, unless the window is full."""
        if self.is_full:
            return ()
        octets = self._room_octets
        count = 0
        for wanted in waiting[: self._room_messages]:
            octets -= wanted.entry.size
            if count and octets < 0:
                break
            count += 1
        return waiting[:count]
