"""What the store promises about tenants: none gets more leases than its room, or delays another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from shared.adapters.sql.store import SqlStore
from shared.model.hosts import NO_LIMITS, HostLimit, HostLimits
from shared.model.tenant_room import TenantRoom, tenant_of
from shared.ports.store import Lease, Schedule

NOW = 1000.0
LATER = NOW + 60
BOTH = pytest.mark.parametrize("hosts", [NO_LIMITS, HostLimits(HostLimit(connections=50))])


def of(tenant: str, count: int) -> list[Schedule]:
    return [Schedule(f"{tenant}/{n:02}", 60.0, enabled=True, host="pop.test") for n in range(count)]


def counted(leases: Sequence[Lease]) -> Counter[str]:
    return Counter(tenant_of(lease.fence.account) for lease in leases)


async def filled(store: SqlStore) -> None:
    """Enter accounts of tenants a and b; those of a have been due for longer."""
    await store.fetcher.sync_accounts(of("a", 30), NOW - 50)
    await store.fetcher.sync_accounts([*of("a", 30), *of("ab", 1), *of("b", 1)], NOW)


@BOTH
async def test_a_tenant_gets_as_many_leases_at_once_as_it_has_room_for(
    store: SqlStore, hosts: HostLimits
) -> None:
    await filled(store)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10, hosts, TenantRoom(7))
    assert counted(leases) == {"a": 7, "ab": 1, "b": 1}


@BOTH
async def test_a_tenant_without_room_does_not_delay_another(store: SqlStore, hosts: HostLimits) -> None:
    await filled(store)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10, hosts, TenantRoom(7, {"a": 0}))
    assert counted(leases) == {"ab": 1, "b": 1}


async def test_without_a_limit_the_most_overdue_accounts_are_leased(store: SqlStore) -> None:
    await filled(store)
    assert counted(await store.fetcher.lease_due("me", NOW, LATER, 10)) == {"a": 10}


async def test_accounts_put_off_by_a_clock_that_was_ahead_stay_within_the_room(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(of("a", 30), NOW + 10_000_000)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10, NO_LIMITS, TenantRoom(3))
    assert counted(leases) == {"a": 3}
    assert (
        counted(await store.fetcher.lease_due("me", NOW, LATER, 10, NO_LIMITS, TenantRoom(3, {"a": 0}))) == {}
    )
