"""The mails of one tenant in flight, and what may be added to them.

A mail counts as *in flight* until it is settled, and as *queued* for a few seconds after it was published: it
then stands in the queues of router and relay before the mails of others. A mail that is in flight for longer
waits for its target, and delays nobody. There is a limit for each of the two.

What a visit is about to read is reserved before it is read: else many visits at once would each fill the same
room.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.fetcher.flow_control.pending_set import PendingSet

QUEUED_FOR = 5.0
"""Seconds that a published mail counts as queued. A target that takes it does so in a fraction of one."""
SHARED_PART = 32
"""One part in so many of a limit holds while other tenants fetch: enough to keep a database and a target at
work, and little enough to be delivered in a moment."""
UNLIMITED = sys.maxsize


class QuotaLimit(NamedTuple):
    """Mails and octets; zero is no limit."""

    messages: int
    octets: int

    def while_shared(self) -> QuotaLimit:
        """Return the limit that holds while other tenants fetch."""
        return QuotaLimit(*(max(1, each // SHARED_PART) if each else 0 for each in self))

    def minus(self, messages: int, octets: int) -> QuotaLimit:
        """Return what is left of it; a negative number where more is used."""
        return QuotaLimit(
            self.messages - messages if self.messages else UNLIMITED,
            self.octets - octets if self.octets else UNLIMITED,
        )

    def min_with(self, other: QuotaLimit) -> QuotaLimit:
        """Return the smaller of two, for mails and for octets."""
        return QuotaLimit(min(self.messages, other.messages), min(self.octets, other.octets))


NO_LIMIT = QuotaLimit(0, 0)


class RecentlyPublished:
    """The mails of one tenant that count as queued. `octets` is their sum as of the last count."""

    def __init__(self) -> None:
        self._mails: dict[str, tuple[float, int]] = {}
        self.octets = 0

    def add_message(self, message: str, octets: int, now: float) -> None:
        """Add a mail that is published; `now` is never less than before."""
        self.discard_message(message)
        self._mails[message] = (now + QUEUED_FOR, octets)
        self.octets += octets

    def discard_message(self, message: str) -> None:
        """Remove a mail; nothing happens if it is not here."""
        mail = self._mails.pop(message, None)
        if mail is not None:
            self.octets -= mail[1]

    def count(self, now: float) -> int:
        """Return how many mails count as queued."""
        while self._mails:
            first = next(iter(self._mails))
            if self._mails[first][0] > now:
                break
            self.discard_message(first)
        return len(self._mails)


class AccountLoad:
    """The octets of each mail of one account in flight, and what is reserved for it."""

    def __init__(self) -> None:
        self.mails: dict[str, int] = {}
        self.reserved = NO_LIMIT


class TenantQuota:
    """One tenant's mails in flight, over all its accounts. `messages` and `octets` include what is reserved.

    `settled_count` counts the mails that were settled.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.settled_count = 0
        self.messages = 0
        self.octets = 0
        self._reserved_messages = 0
        self._reserved_octets = 0
        self._queued = RecentlyPublished()
        self._loads: dict[str, AccountLoad] = {}
        self._waiting: deque[PendingSet] = deque()

    def room(self, limit: QuotaLimit) -> QuotaLimit:
        """Return how much more may be published where `limit` is for all that is in flight."""
        return limit.minus(self.messages, self.octets)

    def room_in_queues(self, limit: QuotaLimit, now: float) -> QuotaLimit:
        """Return how much more may be published where `limit` is for what is queued now."""
        queued = self._queued.count(now)
        return limit.minus(self._reserved_messages + queued, self._reserved_octets + self._queued.octets)

    def set_in_flight(self, account: str, mails: Mapping[str, int]) -> Iterable[str]:
        """Record that these mails (with their octets) of an account are in flight, and no others; return
        those that were before.
        """
        self.release(account)
        before = self._loads.pop(account, None) or AccountLoad()
        self._count(len(mails) - len(before.mails), sum(mails.values()) - sum(before.mails.values()))
        for message in before.mails.keys() - mails.keys():
            self._queued.discard_message(message)
        if mails:
            self._loads[account] = load = AccountLoad()
            load.mails.update(mails)
        return before.mails

    def reserve(self, account: str, messages: int, octets: int) -> None:
        """Reserve so much for an account, and nothing else."""
        self.release(account)
        self._reserve(self._loads.setdefault(account, AccountLoad()), messages, octets)

    def release(self, account: str) -> bool:
        """Reserve nothing for an account any more; return whether mails of it are in flight."""
        load = self._loads.get(account)
        if load is None:
            return False
        self._reserve(load, -load.reserved.messages, -load.reserved.octets)
        if not load.mails:
            del self._loads[account]
        return bool(load.mails)

    def add_message(self, account: str, message: str, octets: int, now: float) -> None:
        """Add a mail that is published; it uses what was reserved for it."""
        load = self._loads.setdefault(account, AccountLoad())
        if message in load.mails:
            return
        self._reserve(load, -min(1, load.reserved.messages), -min(octets, load.reserved.octets))
        load.mails[message] = octets
        self._queued.add_message(message, octets, now)
        self._count(1, octets)

    def remove_message(self, account: str, message: str) -> bool:
        """Remove a mail that was settled; return False where it is not known here."""
        load = self._loads.get(account)
        octets = load.mails.pop(message, None) if load else None
        if octets is None:
            return False
        self._queued.discard_message(message)
        self._count(-1, -octets)
        self.settled_count += 1
        return True

    def add_waiting(self, pending: PendingSet) -> None:
        """Wake `pending` when there may be room, after those that wait already."""
        if pending not in self._waiting:
            self._waiting.append(pending)

    def remove_waiting(self, pending: PendingSet) -> None:
        """Wake `pending` no more: its visit goes on, or is over."""
        if pending in self._waiting:
            self._waiting.remove(pending)

    @property
    def first_waiting(self) -> PendingSet | None:
        """The visit that waits longest."""
        return self._waiting[0] if self._waiting else None

    def end_waits(self) -> None:
        """End all waits for room."""
        for pending in self._waiting:
            pending.end_waits()

    def _reserve(self, load: AccountLoad, messages: int, octets: int) -> None:
        load.reserved = QuotaLimit(load.reserved.messages + messages, load.reserved.octets + octets)
        self._reserved_messages += messages
        self._reserved_octets += octets
        self._count(messages, octets)

    def _count(self, messages: int, octets: int) -> None:
        self.messages += messages
        self.octets += octets
