"""How much more of each tenant's mail may be published now.

A visit brings what the ledger says of its account, whichever process fetched it; hints take mails off again.
What a visit leaves in flight counts until the account's next visit in this process, and for a few minutes
where that is made elsewhere. So no query is made for it, and each process knows what its own visits fetch at
once, and what others fetch from visit to visit.

What a visit is about to read is reserved before it is read: else many visits at once would each fill the same
room. Visits that wait for room are woken one by one.

While other tenants fetch too, a second and narrower limit holds for the mails that were published recently:
they stand in the queues of router and relay before the mails of others. A mail that is in flight for longer
waits for its target, and delays nobody.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.fetcher.flow_control.pending_set import PendingSet
from shared.ports.clock import Clock

QUEUED_FOR = 5.0
"""Seconds that a published mail counts as queued. A target that takes it does so in a fraction of one."""
SHARED_PART = 32
"""One part in so many of a limit holds while other tenants fetch: enough to keep a database and a target at
work, and little enough to be delivered in a moment."""
REMEMBERED = 300.0
"""Seconds that an account's mails count after its last visit here."""
ACTIVE_FOR = 60.0
"""Seconds that a tenant counts as active after it fetched: the usual time between two visits."""
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


class TenantQuotas:
    """The quotas of all tenants. `limit` is for all mails of a tenant in flight.

    With `several_tenants`, other tenants are taken to fetch until there was time to visit all.
    """

    def __init__(self, clock: Clock, limit: QuotaLimit = NO_LIMIT, *, several_tenants: bool = False) -> None:
        self._clock = clock
        self._unknown_until = clock.monotonic() + (ACTIVE_FOR if several_tenants else 0.0)
        self._limit = limit
        self._limit_while_shared = limit.while_shared()
        self._quotas: dict[str, TenantQuota] = {}
        self._owner_of: dict[str, tuple[TenantQuota, str]] = {}
        self._forget_at: dict[tuple[str, str], float] = {}
        self._last_active: list[tuple[str, float]] = []

    def of_tenant(self, tenant: str) -> TenantQuota:
        """Return the quota of one tenant."""
        quota = self._quotas.get(tenant)
        if quota is None:
            quota = self._quotas[tenant] = TenantQuota(tenant)
        return quota

    def room(self, tenant: str) -> QuotaLimit:
        """Return how much more of a tenant may be published now; zero or less where its quota is used up."""
        quota = self.of_tenant(tenant)
        room = quota.room(self._limit)
        now = self._clock.monotonic()
        if not self._is_shared(tenant, now):
            return room
        return room.min_with(quota.room_in_queues(self._limit_while_shared, now))

    def is_used_up(self, tenant: str) -> bool:
        """Whether nothing more may be published."""
        return min(self.room(tenant)) <= 0

    def begin_visit(self, tenant: str, account: str, mails: Mapping[str, int]) -> None:
        """Record that a visit begins, with `mails` (and their octets) in flight from earlier ones."""
        now = self._clock.monotonic()
        for stale in [account for account, at in self._forget_at.items() if at <= now]:
            self._set_in_flight(*stale, {})
        self._set_in_flight(tenant, account, mails)

    def reserve(self, tenant: str, account: str, messages: int, octets: int) -> None:
        """Reserve so much for what a visit is about to read."""
        others = [each for each in self._last_active if each[0] != tenant]
        self._last_active = [(tenant, self._clock.monotonic()), *others[:1]]
        self.of_tenant(tenant).reserve(account, messages, octets)

    def add_message(self, tenant: str, account: str, message: str, octets: int) -> None:
        """Add a mail that is published next, before the hint of its settlement can come."""
        quota = self.of_tenant(tenant)
        quota.add_message(account, message, octets, self._clock.monotonic())
        self._owner_of[message] = (quota, account)

    def remove_messages(self, messages: Iterable[str]) -> None:
        """Remove mails that were settled; those not known here are passed over."""
        relieved: dict[str, TenantQuota] = {}
        for message in messages:
            owner = self._owner_of.pop(message, None)
            if owner is not None and owner[0].remove_message(owner[1], message):
                relieved[owner[0].tenant] = owner[0]
        for quota in relieved.values():
            self.wake_next(quota)

    def end_visit(self, tenant: str, account: str) -> None:
        """Record that a visit is over."""
        quota = self.of_tenant(tenant)
        if quota.release(account):
            self._forget_at[tenant, account] = self._clock.monotonic() + REMEMBERED
        self.wake_next(quota)

    def wake_next(self, quota: TenantQuota) -> None:
        """Wake the visit that waits longest, if there is room."""
        first = quota.first_waiting
        if first is not None and not self.is_used_up(quota.tenant):
            first.wake()

    def end_waits(self) -> None:
        """End all waits for room."""
        for quota in self._quotas.values():
            quota.end_waits()

    def _is_shared(self, tenant: str, now: float) -> bool:
        """Whether another tenant fetches, too."""
        since = now - ACTIVE_FOR
        return now < self._unknown_until or any(
            other != tenant and at > since for other, at in self._last_active
        )

    def _set_in_flight(self, tenant: str, account: str, mails: Mapping[str, int]) -> None:
        self._forget_at.pop((tenant, account), None)
        quota = self.of_tenant(tenant)
        for message in quota.set_in_flight(account, mails):
            self._owner_of.pop(message, None)
        self._owner_of |= dict.fromkeys(mails, (quota, account))
        self.wake_next(quota)
