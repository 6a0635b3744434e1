"""What tenants used, day by day: visits, mails and octets; as one person or token may see it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from shared.access import Permission, Principal
from shared.operations.context import OperatorContext
from shared.operations.permitting import require
from shared.ports.store import day_of

EPOCH = date(1970, 1, 1)
LONGEST = 400
"""Days that can be asked for at once: a year, with some to compare."""
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

    def by_day(self) -> list[DayUsage]:
        """Return the sum of all tenants for each day, days without any included."""
        number = (self.last - self.first).days + 1
        sums = {self.first + timedelta(days=each): [0, 0, 0] for each in range(number)}
        for each in self.days:
            for place, value in enumerate((each.visits, each.mails, each.octets)):
                sums[each.day][place] += value
        return [DayUsage("", day, *values) for day, values in sums.items()]

    def as_csv(self) -> str:
        """Return the days as a table with a head."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows((each.tenant, each.day.isoformat(), *each[2:]) for each in self.days)
        return text.getvalue()


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
    days = [
        DayUsage(each.tenant, EPOCH + timedelta(days=each.day), each.visits, each.mails, each.octets)
        for each in found
    ]
    return UsageReport(first, last, days)


def _number(day: date) -> int:
    """The day as the store counts it."""
    return day_of(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
