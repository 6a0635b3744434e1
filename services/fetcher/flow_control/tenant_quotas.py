"""How much of each tenant's mail this process knows to be on its way, and how much may be.

A visit brings what the ledger says of its account, whichever process fetched it; hints take mails off again.
What a visit leaves on its way counts until the account's next visit in this process, and for a few minutes
where that is made elsewhere. So no query is made for it, and each process knows what its own visits fetch at
once, and what others fetch from visit to visit.

While other tenants have mail to carry, too, there is a narrow bound for what stands in the queues of router
and relay, as that is a delay for everybody. What waits for its target is none, and has the wide bound alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.fetcher.flow_control.tenant_quota import QuotaLimit, TenantQuota
from shared.ports.clock import Clock

REMEMBERED = 300.0
"""Seconds that an account's mails count after its last visit here."""
COMPANY = 60.0
"""Seconds that a tenant counts as busy after it fetched: the usual time between two visits."""
NO_BOUND = QuotaLimit(0, 0)
NOWHERE = None, ""


class TenantQuotas:
    """`bound` is that of all that is on its way of a tenant. Where `many` tenants are served, each is taken
    to have company until there was time to visit all.
    """

    def __init__(self, clock: Clock, bound: QuotaLimit = NO_BOUND, *, many: bool = False) -> None:
        self._clock = clock
        self._in_doubt_until = clock.monotonic() + (COMPANY if many else 0.0)
        self._bound = bound
        self._narrow = bound.narrowed()
        self._shares: dict[str, TenantQuota] = {}
        self._place_of: dict[str, tuple[TenantQuota, str]] = {}
        self._until: dict[tuple[str, str], float] = {}
        self._latest: list[tuple[str, float]] = []

    def share(self, tenant: str) -> TenantQuota:
        """That of one tenant."""
        share = self._shares.get(tenant)
        if share is None:
            share = self._shares[tenant] = TenantQuota(tenant)
        return share

    def room(self, tenant: str) -> QuotaLimit:
        """How much more of a tenant may set out now; nothing, or less, where its share is full."""
        share = self.share(tenant)
        room = share.room(self._bound)
        now = self._clock.monotonic()
        if not self._has_company(tenant, now):
            return room
        return room.and_also(share.room_in_queues(self._narrow, now))

    def is_full(self, tenant: str) -> bool:
        """Whether nothing more may set out."""
        return min(self.room(tenant)) <= 0

    def begin(self, tenant: str, account: str, mails: Mapping[str, int]) -> None:
        """A visit begins, and `mails` (with their octets) are on their way from earlier ones."""
        now = self._clock.monotonic()
        for stale in [place for place, until in self._until.items() if until <= now]:
            self._know(*stale, {})
        self._know(tenant, account, mails)

    def reserve(self, tenant: str, account: str, messages: int, octets: int) -> None:
        """So much is about to be read."""
        others = [each for each in self._latest if each[0] != tenant]
        self._latest = [(tenant, self._clock.monotonic()), *others[:1]]
        self.share(tenant).reserve(account, messages, octets)

    def enter(self, tenant: str, account: str, message: str, octets: int) -> None:
        """A mail sets out. Call it before the hint of its arrival can come."""
        share = self.share(tenant)
        share.enter(account, message, octets, self._clock.monotonic())
        self._place_of[message] = (share, account)

    def leave(self, messages: Iterable[str]) -> None:
        """These mails have arrived; nothing happens for those that are not known."""
        lighter: dict[str, TenantQuota] = {}
        for message in messages:
            share, account = self._place_of.pop(message, NOWHERE)
            if share is not None and share.leave(account, message):
                lighter[share.tenant] = share
        for share in lighter.values():
            self.wake_next(share)

    def end(self, tenant: str, account: str) -> None:
        """A visit is over."""
        share = self.share(tenant)
        if share.release(account):
            self._until[tenant, account] = self._clock.monotonic() + REMEMBERED
        self.wake_next(share)

    def wake_next(self, share: TenantQuota) -> None:
        """Let the visit go on that waits longest, if there is room."""
        first = share.first_waiting
        if first is not None and not self.is_full(share.tenant):
            first.wake()

    def end_waits(self) -> None:
        """Nobody waits for room any more."""
        for share in self._shares.values():
            share.end_waits()

    def _has_company(self, tenant: str, now: float) -> bool:
        since = now - COMPANY
        return now < self._in_doubt_until or any(other != tenant and at > since for other, at in self._latest)

    def _know(self, tenant: str, account: str, mails: Mapping[str, int]) -> None:
        self._until.pop((tenant, account), None)
        share = self.share(tenant)
        for message in share.know(account, mails):
            self._place_of.pop(message, None)
        self._place_of |= dict.fromkeys(mails, (share, account))
        self.wake_next(share)
