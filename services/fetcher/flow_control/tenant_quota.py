"""One tenant's mails on their way, over all its accounts, as far as this process knows of them.

What visits are about to read is reserved before it is read, so that many visits at once do not each fill the
same room. Those that wait for room are woken one by one, as it becomes free.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.recently_published import RecentlyPublished

NARROW = 32
ENDLESS = sys.maxsize


class QuotaLimit(NamedTuple):
    """Mails and octets; zero is no bound."""

    messages: int
    octets: int

    def narrowed(self) -> QuotaLimit:
        """The bound beside others: enough to keep a database and a target at work, and little enough to be
        served in the twinkling of an eye.
        """
        return QuotaLimit(*(max(1, each // NARROW) if each else 0 for each in self))

    def less(self, messages: int, octets: int) -> QuotaLimit:
        """What is left of it; less than nothing where it was wider before."""
        return QuotaLimit(
            self.messages - messages if self.messages else ENDLESS,
            self.octets - octets if self.octets else ENDLESS,
        )

    def and_also(self, other: QuotaLimit) -> QuotaLimit:
        """The tighter of two, each way."""
        return QuotaLimit(min(self.messages, other.messages), min(self.octets, other.octets))


class Load:
    """Of one account: the octets of each mail on its way, and what is reserved."""

    def __init__(self) -> None:
        self.mails: dict[str, int] = {}
        self.reserved = QuotaLimit(0, 0)


class TenantQuota:
    """Of one tenant: all its mails on their way, and those of them that stand in the queues. `arrivals`
    counts the mails that arrived.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.arrivals = 0
        self.messages = 0
        self.octets = 0
        self._reserved_messages = 0
        self._reserved_octets = 0
        self._queued = RecentlyPublished()
        self._loads: dict[str, Load] = {}
        self._waiting: deque[PendingSet] = deque()

    def room(self, bound: QuotaLimit) -> QuotaLimit:
        """What may set out yet where `bound` is for all that is on its way."""
        return bound.less(self.messages, self.octets)

    def room_in_queues(self, bound: QuotaLimit, now: float) -> QuotaLimit:
        """What may set out yet where `bound` is for what stands in the queues at the moment `now`."""
        standing = self._queued.count(now)
        return bound.less(self._reserved_messages + standing, self._reserved_octets + self._queued.octets)

    def know(self, account: str, mails: Mapping[str, int]) -> Iterable[str]:
        """These mails (with their octets) of an account are on their way, and no others; returns those that
        were counted before.
        """
        self.release(account)
        before = self._loads.pop(account, None) or Load()
        self._add(len(mails) - len(before.mails), sum(mails.values()) - sum(before.mails.values()))
        for message in before.mails.keys() - mails.keys():
            self._queued.discard(message)
        if mails:
            self._loads[account] = load = Load()
            load.mails.update(mails)
        return before.mails

    def reserve(self, account: str, messages: int, octets: int) -> None:
        """So much is about to be read for an account, which has nothing else reserved."""
        self.release(account)
        self._reserve(self._loads.setdefault(account, Load()), messages, octets)

    def release(self, account: str) -> bool:
        """Nothing more is about to be read for an account; returns whether something of it is on its way."""
        load = self._loads.get(account)
        if load is None:
            return False
        self._reserve(load, -load.reserved.messages, -load.reserved.octets)
        if not load.mails:
            del self._loads[account]
        return bool(load.mails)

    def enter(self, account: str, message: str, octets: int, now: float) -> None:
        """A mail sets out; it takes what was reserved for it."""
        load = self._loads.setdefault(account, Load())
        if message in load.mails:
            return
        self._reserve(load, -min(1, load.reserved.messages), -min(octets, load.reserved.octets))
        load.mails[message] = octets
        self._queued.add(message, octets, now)
        self._add(1, octets)

    def leave(self, account: str, message: str) -> bool:
        """A mail has arrived; False where it is not known here."""
        load = self._loads.get(account)
        octets = load.mails.pop(message, None) if load else None
        if octets is None:
            return False
        self._queued.discard(message)
        self._add(-1, -octets)
        self.arrivals += 1
        return True

    def wait(self, watch: PendingSet) -> None:
        """Have `watch` woken when there may be room, after those that wait already."""
        if watch not in self._waiting:
            self._waiting.append(watch)

    def wait_no_more(self, watch: PendingSet) -> None:
        """The visit goes on, or is over."""
        if watch in self._waiting:
            self._waiting.remove(watch)

    @property
    def first_waiting(self) -> PendingSet | None:
        """Who waits longest."""
        return self._waiting[0] if self._waiting else None

    def end_waits(self) -> None:
        """Nobody waits for room any more."""
        for watch in self._waiting:
            watch.end_waits()

    def _reserve(self, load: Load, messages: int, octets: int) -> None:
        load.reserved = QuotaLimit(load.reserved.messages + messages, load.reserved.octets + octets)
        self._reserved_messages += messages
        self._reserved_octets += octets
        self._add(messages, octets)

    def _add(self, messages: int, octets: int) -> None:
        self.messages += messages
        self.octets += octets
