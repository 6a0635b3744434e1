"""How much more of each tenant's mail may be published now.

Each visit brings what the ledger knows of its account, whichever process fetched it; hints of settlement take
mails off again. What a visit leaves in flight counts until the account's next visit in this process, or for a
few minutes where another process makes that visit. So no query is needed: a process knows at once what its
own visits fetch, and from visit to visit what others fetch.

While other tenants fetch too, a second and narrower limit holds for the mails that are queued. Visits that
wait for room are woken one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from services.fetcher.flow_control.tenant_quota import NO_LIMIT, QuotaLimit, TenantQuota
from shared.ports.clock import Clock

REMEMBERED = 300.0
"""Seconds that an account's mails count after its last visit here."""
ACTIVE_FOR = 60.0
"""Seconds that a tenant counts as active after it fetched: the usual time between two visits."""


class TenantQuotas:
    """The quotas of all tenants. `limit_of` returns the limit for all mails of a tenant in flight.

    With `several_tenants`, other tenants are taken to fetch until there was time to visit all.
    """

    def __init__(
        self,
        clock: Clock,
        limit_of: Callable[[str], QuotaLimit] = lambda _tenant: NO_LIMIT,
        *,
        several_tenants: bool = False,
    ) -> None:
        self._clock = clock
        self._unknown_until = clock.monotonic() + (ACTIVE_FOR if several_tenants else 0.0)
        self._limit_of = limit_of
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
        limit = self._limit_of(tenant)
        room = quota.room(limit)
        now = self._clock.monotonic()
        if not self._is_shared(tenant, now):
            return room
        return room.min_with(quota.room_in_queues(limit.while_shared(), now))

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
