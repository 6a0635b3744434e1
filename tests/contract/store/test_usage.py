"""What the store promises about what tenants use on each day."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.ports.store import Lease, Release, Schedule, Usage, VisitReport, day_of

NOON = 20_000 * 86_400.0 + 43_200


async def leased(store: SqlStore, now: float, *accounts: str) -> list[Lease]:
    await store.fetcher.sync_accounts([Schedule(each, 1.0, enabled=True) for each in accounts], now)
    leases = await store.fetcher.lease_these("me", accounts, now, now + 60)
    return sorted(leases, key=lambda each: each.fence.account)


def ended(lease: Lease, now: float, fetched: int = 0, octets: int = 0, *, failed: bool = False) -> Release:
    return Release(lease.fence, VisitReport(fetched=fetched, octets=octets, failed=failed), now, now + 1)


async def test_visits_are_counted_by_tenant_and_day(store: SqlStore) -> None:
    bob, eve, other = await leased(store, NOON, "acme/bob", "acme/eve", "other/bob")
    await store.fetcher.release_leases([ended(bob, NOON, 3, 300), ended(eve, NOON), ended(other, NOON, 1, 5)])
    (bob,) = await leased(store, NOON + 1, "acme/bob")
    await store.fetcher.release_leases([ended(bob, NOON + 2, 4, 40, failed=True)])
    (bob,) = await leased(store, NOON + 3, "acme/bob")
    await store.fetcher.release_leases([ended(bob, NOON + 43_200, 2, 20)])
    day = day_of(NOON)
    assert await store.fetcher.tenant_usage(day, day + 1) == [
        Usage("acme", day, 3, 7, 340),
        Usage("acme", day + 1, 1, 2, 20),
        Usage("other", day, 1, 1, 5),
    ]
    assert await store.fetcher.tenant_usage(day + 1, day + 1, ["acme", "other"]) == [
        Usage("acme", day + 1, 1, 2, 20)
    ]
    assert await store.fetcher.tenant_usage(day, day + 1, []) == []
    assert await store.operator.usage_by_day(day, day + 1) == [
        Usage("", day, 4, 8, 345),
        Usage("", day + 1, 1, 2, 20),
    ]
    assert await store.operator.usage_by_day(day, day, ["other"]) == [Usage("", day, 1, 1, 5)]
    assert await store.operator.usage_by_tenant(day, day + 1) == [
        Usage("acme", day + 1, 4, 9, 360),
        Usage("other", day + 1, 1, 1, 5),
    ]
    assert await store.operator.usage_by_tenant(day + 1, day + 1, ["other"]) == []


async def test_the_tenants_with_most_mails_of_a_day_are_told_first(store: SqlStore) -> None:
    names = ("acme/bob", "idle/bob", "other/bob", "small/bob")
    for lease, mails in zip(await leased(store, NOON, *names), (7, 0, 9, 1), strict=True):
        await store.fetcher.release_leases([ended(lease, NOON, mails)])
    busiest = store.maintenance.busiest_tenants
    assert [*(await busiest(day_of(NOON), 2)).items()] == [("other", 9), ("acme", 7)]
    assert [*await busiest(day_of(NOON), 10)] == ["other", "acme", "small"]
    assert await busiest(day_of(NOON) + 1, 10) == {}


async def test_a_release_that_comes_twice_counts_once(store: SqlStore) -> None:
    (lease,) = await leased(store, NOON, "acme/bob")
    release = ended(lease, NOON, 3, 300)
    await store.fetcher.release_leases([release])
    await store.fetcher.release_leases([release])
    day = day_of(NOON)
    assert await store.fetcher.tenant_usage(day, day) == [Usage("acme", day, 1, 3, 300)]
