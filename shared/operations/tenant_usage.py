"""What tenants used, day by day: visits, mails and octets; as one person or token may see it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import nsmallest
from typing import NamedTuple

from shared.access import Permission, Principal
from shared.operations.context import OperatorContext
from shared.operations.permitting import require
from shared.ports.store import Usage, day_of

EPOCH = date(1970, 1, 1)
LONGEST = 400
"""Days that can be asked for at once: a year, with some to compare."""
MOST_TENANTS = 100
"""Tenants of one page; the table for a spreadsheet has all."""
PAST_LASTS = 600.0
"""Seconds for which the sums of days that are over are kept."""
COLUMNS = ("tenant", "day", "visits", "mails", "octets")


class DayUsage(NamedTuple):
    """What a tenant used on a day, by UTC. Visits are those that ended, mails and octets what was fetched."""

    tenant: str
    day: date
    visits: int
    mails: int
    octets: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The usage from `first` to `last`, both included, by tenant and day; days without any are missing."""

    first: date
    last: date
    days: Sequence[DayUsage]

    def as_csv(self) -> str:
        """Return the days as a table with a head."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows((each.tenant, each.day.isoformat(), *each[2:]) for each in self.days)
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class UsageSums:
    """The usage from `first` to `last`, both included: the sums of each day, and of the tenants with most
    mails, those with most first. `more` tenants have some, too.
    """

    first: date
    last: date
    days: Sequence[DayUsage]
    tenants: Sequence[DayUsage]
    more: int


async def usage_sums(
    context: OperatorContext, principal: Principal, *, tenant: str | None, days: int
) -> UsageSums:
    """Return the sums of the last `days` days, of a tenant or of all that the principal sees.

    Days that are over do not change, so their sums are kept for a while. Raises as `usage_of` does.
    """
    tenant = tenant or principal.tenant
    require(principal, Permission.USAGE_READ, tenant=tenant)
    now = context.clock.now()
    last = datetime.fromtimestamp(now, UTC).date()
    first = max(last - timedelta(days=min(days, LONGEST) - 1), EPOCH)
    today, before, wanted = _number(last), _number(first), None if tenant is None else [tenant]

    async def past() -> tuple[Sequence[Usage], Sequence[Usage]]:
        return (
            await context.store.usage_by_day(before, today - 1, wanted),
            await context.store.usage_by_tenant(before, today - 1, wanted),
        )

    key = ("usage", tenant, before, today)
    of_days, of_tenants = await context.recent.get(key, now, past, PAST_LASTS, until_acts=False)
    of_today = await context.store.usage_by_tenant(today, today, wanted)
    by_day = {each.day: each for each in of_days}
    by_day[today] = _together("", today, of_today)
    by_tenant = {each.tenant: each for each in of_tenants}
    for each in of_today:
        known = [by_tenant[each.tenant]] if each.tenant in by_tenant else []
        by_tenant[each.tenant] = _together(each.tenant, today, [*known, each])
    most = nsmallest(MOST_TENANTS, by_tenant.values(), key=lambda each: (-each.mails, each.tenant))
    none = Usage("", 0, 0, 0, 0)
    return UsageSums(
        first,
        last,
        [_of_day(by_day.get(day, none)._replace(day=day)) for day in range(before, today + 1)],
        [_of_day(each) for each in most],
        len(by_tenant) - len(most),
    )


async def usage_of(
    context: OperatorContext,
    principal: Principal,
    *,
    tenant: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> UsageReport:
    """Return what a tenant used, or all that the principal sees; by default in the last 30 days.

    No more than `LONGEST` days are read, the last ones. Raises `NotVisible` and `NotPermitted`.
    """
    tenant = tenant or principal.tenant
    require(principal, Permission.USAGE_READ, tenant=tenant)
    last = last or datetime.fromtimestamp(context.clock.now(), UTC).date()
    first = min(first or last - timedelta(days=29), last)
    first = max(first, last - timedelta(days=LONGEST - 1), EPOCH)
    wanted = None if tenant is None else [tenant]
    found = await context.store.tenant_usage(_number(first), _number(last), wanted)
    return UsageReport(first, last, [*map(_of_day, found)])


def _together(tenant: str, day: int, used: Sequence[Usage]) -> Usage:
    sums = (sum(each.visits for each in used), sum(each.mails for each in used))
    return Usage(tenant, day, *sums, sum(each.octets for each in used))


def _of_day(used: Usage) -> DayUsage:
    return DayUsage(used.tenant, EPOCH + timedelta(days=used.day), used.visits, used.mails, used.octets)


def _number(day: date) -> int:
    """The day as the store counts it."""
    return day_of(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
