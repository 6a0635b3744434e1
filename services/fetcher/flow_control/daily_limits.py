"""How many more mails of a tenant may be fetched today, by UTC: `daily_mails` of the tenant.

The database counts a visit's mails when the visit ends. Until then they are counted here. What visits under
way in other processes fetch is not known, so a tenant may get that much more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, day_of


@dataclass(slots=True)
class _Today:
    """What is known of a tenant: the mails of `day` that the database has counted, and those of visits under
    way here, by account.
    """

    day: int
    counted: int = 0
    under_way: dict[str, int] = field(default_factory=dict)


class DailyLimits:
    """The limits of all tenants. `limit_of` returns that of a tenant; None where it has none."""

    def __init__(self, store: FetcherStore, clock: Clock, limit_of: Callable[[str], int | None]) -> None:
        self._store = store
        self._clock = clock
        self._limit_of = limit_of
        self._tenants: dict[str, _Today] = {}

    async def begin(self, tenant: str) -> None:
        """Find out what was fetched today, before a visit fetches. One query, and none without a limit."""
        if self._limit_of(tenant) is None:
            self._tenants.pop(tenant, None)
            return
        day = day_of(self._clock.now())
        used = await self._store.tenant_usage(day, day, [tenant])
        known = self._of_today(tenant)
        known.counted = sum(each.mails for each in used)

    def room(self, tenant: str) -> int | None:
        """Return how many mails may be fetched now; None for any number."""
        limit = self._limit_of(tenant)
        if limit is None:
            return None
        known = self._of_today(tenant)
        return max(0, limit - known.counted - sum(known.under_way.values()))

    def reserve(self, tenant: str, account: str, mails: int) -> None:
        """Count mails that a visit is about to fetch; a negative number gives some back."""
        if self._limit_of(tenant) is not None:
            under_way = self._of_today(tenant).under_way
            under_way[account] = max(0, under_way.get(account, 0) + mails)

    def end(self, tenant: str, account: str, fetched: int) -> None:
        """The visit is over, and the database has counted its mails."""
        known = self._tenants.get(tenant)
        if known is not None and known.under_way.pop(account, None) is not None:
            known.counted += fetched

    def reason(self, tenant: str) -> str | None:
        """Return why nothing more may be fetched now, as a sentence; None where something may."""
        if self.room(tenant) != 0:
            return None
        return (
            f"tenant {tenant} has got its {self._limit_of(tenant)} mails of this day (daily_mails); the "
            "others wait at their sources until 00:00 UTC"
        )

    def _of_today(self, tenant: str) -> _Today:
        day = day_of(self._clock.now())
        known = self._tenants.get(tenant)
        if known is None or known.day != day:
            known = self._tenants[tenant] = _Today(day)
        return known
