"""What tenants use on each day: counted where visits end, in the transaction that ends their leases."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.tables import usage
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.tenant_room import tenant_of
from shared.ports.store import Release, Usage, day_of

USAGE = usage.c
KEY, COUNTED = ("tenant", "day"), ("visits", "mails", "octets")


def count_usage(transaction: Transaction, ended: Sequence[Release]) -> None:
    """Add these visits to what their tenants used. Rows are locked by tenant and day, as all do it."""
    connection, bulk = transaction
    added: dict[tuple[str, int], tuple[int, int, int]] = {}
    for each in ended:
        key = tenant_of(each.fence.account), day_of(each.now)
        visits, mails, octets = added.get(key, (0, 0, 0))
        added[key] = visits + 1, mails + each.report.fetched, octets + each.report.octets
    keys = sorted(added)
    bulk.insert_absent(connection, usage, (*KEY, *COUNTED), [(*key, 0, 0, 0) for key in keys])
    rows = bulk.select(connection, usage, KEY, keys, fields=(*KEY, *COUNTED), lock=True)
    sums = [
        (tenant, day, *(old + new for old, new in zip(before, added[tenant, day], strict=True)))
        for tenant, day, *before in rows
    ]
    bulk.update(connection, usage, (*KEY, *COUNTED), sums)


def busiest_tenants(transaction: Transaction, day: int, limit: int) -> dict[str, int]:
    """Return the mails fetched on that day of the tenants with most of them, the most first."""
    allow_scans(transaction.connection)  # a row for each tenant and day
    query = select(USAGE.tenant, USAGE.mails).where(USAGE.day == day, USAGE.mails > 0)
    # By name where the numbers are equal: else each look would report others.
    query = query.order_by(USAGE.mails.desc(), USAGE.tenant).limit(limit)
    return {row.tenant: row.mails for row in transaction.connection.execute(query)}


def tenant_usage(
    transaction: Transaction, first_day: int, last_day: int, tenants: Sequence[str] | None
) -> list[Usage]:
    """Return what tenants used on each of these days, by tenant and day."""
    query = select(USAGE.tenant, USAGE.day, USAGE.visits, USAGE.mails, USAGE.octets)
    query = query.where(*_within(first_day, last_day, tenants))
    rows = transaction.connection.execute(query.order_by(USAGE.tenant, USAGE.day))
    return [Usage(*row) for row in rows]


def usage_by_day(
    transaction: Transaction, first_day: int, last_day: int, tenants: Sequence[str] | None
) -> list[Usage]:
    """Return the sums of all these tenants for each day, by day."""
    allow_scans(transaction.connection)
    query = select(USAGE.day, *_SUMS).where(*_within(first_day, last_day, tenants)).group_by(USAGE.day)
    rows = transaction.connection.execute(query)
    return sorted(Usage("", row[0], *map(int, row[1:])) for row in rows)


def usage_by_tenant(
    transaction: Transaction, first_day: int, last_day: int, tenants: Sequence[str] | None
) -> list[Usage]:
    """Return the sums of all these days for each tenant, by tenant."""
    allow_scans(transaction.connection)
    query = select(USAGE.tenant, *_SUMS).where(*_within(first_day, last_day, tenants))
    rows = transaction.connection.execute(query.group_by(USAGE.tenant))
    return sorted(Usage(row[0], last_day, *map(int, row[1:])) for row in rows)


_SUMS = (func.sum(USAGE.visits), func.sum(USAGE.mails), func.sum(USAGE.octets))


def _within(first_day: int, last_day: int, tenants: Sequence[str] | None) -> list[ColumnElement[bool]]:
    """The conditions of usage of these days and tenants, None for all."""
    days = [USAGE.day >= first_day, USAGE.day <= last_day]
    return days if tenants is None else [*days, USAGE.tenant.in_(list(tenants))]
