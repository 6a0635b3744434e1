"""One tenant's mails on their way, over all its accounts, as far as this process knows of them.

What visits are about to read is reserved before it is read, so that many visits at once do not each fill the
same room. Those that wait for room are woken one by one, as it becomes free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.fetcher.watch import Watch

NARROW = 8


class Bound(NamedTuple):
    """Mails and octets; zero is no bound."""

    messages: int
    octets: int

    def narrowed(self) -> Bound:
        """The bound beside others: enough to keep a database and a target at work, and little enough to be
        served in a fraction of a second.
        """
        return Bound(*(max(1, each // NARROW) if each else 0 for each in self))


class Load:
    """Of one account: the octets of each mail on its way, and what is reserved."""

    def __init__(self) -> None:
        self.mails: dict[str, int] = {}
        self.reserved = Bound(0, 0)


class Share:
    """Of one tenant. `arrivals` counts the mails that arrived."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.arrivals = 0
        self.messages = 0
        self.octets = 0
        self._loads: dict[str, Load] = {}
        self._waiting: deque[Watch] = deque()

    def room(self, bound: Bound) -> Bound:
        """What is left of `bound`; less than nothing where it was wider before."""
        return Bound(bound.messages - self.messages, bound.octets - self.octets)

    def is_full(self, bound: Bound) -> bool:
        """Whether nothing more may set out."""
        return any(whole and left <= 0 for whole, left in zip(bound, self.room(bound), strict=True))

    def know(self, account: str, mails: Mapping[str, int]) -> Iterable[str]:
        """These mails (with their octets) of an account are on their way, and no others; returns those that
        were counted before.
        """
        before = self._loads.pop(account, None) or Load()
        self._add(-len(before.mails) - before.reserved.messages, -before.reserved.octets)
        self._add(len(mails), sum(mails.values()) - sum(before.mails.values()))
        if mails:
            self._loads[account] = load = Load()
            load.mails.update(mails)
        return before.mails

    def reserve(self, account: str, messages: int, octets: int) -> None:
        """So much is about to be read for an account, which has nothing else reserved."""
        self.release(account)
        self._loads.setdefault(account, Load()).reserved = Bound(messages, octets)
        self._add(messages, octets)

    def release(self, account: str) -> bool:
        """Nothing more is about to be read for an account; returns whether something of it is on its way."""
        load = self._loads.get(account)
        if load is None:
            return False
        self._add(-load.reserved.messages, -load.reserved.octets)
        load.reserved = Bound(0, 0)
        if not load.mails:
            del self._loads[account]
        return bool(load.mails)

    def enter(self, account: str, message: str, octets: int) -> None:
        """A mail sets out; it takes what was reserved for it."""
        load = self._loads.setdefault(account, Load())
        if message in load.mails:
            return
        taken = Bound(min(1, load.reserved.messages), min(octets, load.reserved.octets))
        load.reserved = Bound(load.reserved.messages - taken.messages, load.reserved.octets - taken.octets)
        load.mails[message] = octets
        self._add(1 - taken.messages, octets - taken.octets)

    def leave(self, account: str, message: str) -> bool:
        """A mail has arrived; False where it is not known here."""
        load = self._loads.get(account)
        octets = load.mails.pop(message, None) if load else None
        if octets is None:
            return False
        self._add(-1, -octets)
        self.arrivals += 1
        return True

    def wait(self, watch: Watch) -> None:
        """Have `watch` woken when there may be room, after those that wait already."""
        if watch not in self._waiting:
            self._waiting.append(watch)

    def wait_no_more(self, watch: Watch) -> None:
        """The visit goes on, or is over."""
        if watch in self._waiting:
            self._waiting.remove(watch)

    @property
    def first_waiting(self) -> Watch | None:
        """Who waits longest."""
        return self._waiting[0] if self._waiting else None

    def end_waits(self) -> None:
        """Nobody waits for room any more."""
        for watch in self._waiting:
            watch.end_waits()

    def _add(self, messages: int, octets: int) -> None:
        self.messages += messages
        self.octets += octets
