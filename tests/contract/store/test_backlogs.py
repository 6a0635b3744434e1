"""What the store promises where more accounts are due at a host than it has room for."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shared.adapters.sql.leases import due_accounts
from shared.adapters.sql.store import SqlStore, open_store
from shared.model.hosts import HostLimit, HostLimits
from shared.model.tenant_room import TenantRoom
from shared.ports.store import Lease, Release, Schedule, VisitReport
from tests.fakes.sqlite_steps import Steps

NOW = 1000.0
LATER = NOW + 60
ONE_AT_ONCE = HostLimits(HostLimit(connections=1))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few accounts at a time, so that few accounts are many."""
    for name, value in {"PORTION": 4, "FEW": 0, "FIRST": 2, "NEXT": 4, "SPARE": 1}.items():
        monkeypatch.setattr(due_accounts, name, value)


def at(host: str, *names: str) -> list[Schedule]:
    return [Schedule(name, 60.0, enabled=True, host=host) for name in names]


def names_of(leases: Sequence[Lease]) -> list[str]:
    return [lease.fence.account for lease in leases]


async def overdue(store: SqlStore, count: int = 30) -> Lease:
    """Have so many accounts wait at a full host; return the lease that fills it."""
    names = [f"t/{n:02}" for n in range(count)]
    for n, name in enumerate(names):
        await store.fetcher.sync_accounts(at("full.test", name), NOW - 100 + n)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 3, ONE_AT_ONCE)
    return lease


async def leased(store: SqlStore, now: float, limit: int = 3) -> list[str]:
    """Look as often as a fetcher would within a moment; return what was leased."""
    found: list[str] = []
    for _ in range(10):
        found += names_of(await store.fetcher.lease_due("me", now, LATER, limit - len(found), ONE_AT_ONCE))
        if len(found) == limit:
            break
    return found


async def released(store: SqlStore, lease: Lease, now: float) -> None:
    await store.fetcher.release_leases([Release(lease.fence, VisitReport(), now, now + 900)])


async def test_accounts_of_other_hosts_are_leased_however_many_wait_at_a_full_one(store: SqlStore) -> None:
    await overdue(store)
    await store.fetcher.sync_accounts(at("free.test", "t/z"), NOW)
    assert await leased(store, NOW) == ["t/z"]
    await store.fetcher.sync_accounts(at("other.test", "t/y"), NOW + 1)
    assert await store.fetcher.next_due(NOW, ONE_AT_ONCE) == NOW + 1
    assert await leased(store, NOW) == []
    assert await leased(store, NOW + 1) == ["t/y"]


async def test_room_at_the_host_goes_to_those_that_wait_the_most_overdue_first(store: SqlStore) -> None:
    lease = await overdue(store)
    assert await leased(store, NOW) == []
    assert await store.fetcher.next_due(NOW, ONE_AT_ONCE) is None
    await released(store, lease, NOW)
    assert await store.fetcher.next_due(NOW, ONE_AT_ONCE) == NOW - 99
    assert await leased(store, NOW) == ["t/01"]
    assert await store.fetcher.next_due(NOW, ONE_AT_ONCE) is None


async def test_a_tenant_with_many_accounts_that_wait_does_not_hold_up_another(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("a.test", *(f"big/{n:02}" for n in range(30))), NOW - 50)
    await store.fetcher.sync_accounts(at("a.test", "small/a", "small/b"), NOW)
    room = TenantRoom(9, {"big": 0})
    assert await store.fetcher.lease_due("me", NOW, LATER, 3, tenants=room) == []
    found: list[str] = []
    for _ in range(10):
        found += names_of(await store.fetcher.lease_due("me", NOW, LATER, 3, tenants=room))
    assert sorted(found) == ["small/a", "small/b"]
    assert len(await store.fetcher.lease_due("me", NOW, LATER, 3, tenants=TenantRoom(2))) == 2


async def test_what_other_processes_have_leased_meanwhile_is_left_to_them(
    store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    lease = await overdue(store)
    assert await leased(store, NOW) == []
    other = another()
    for n in range(1, 12):
        await released(store, lease, NOW)
        [lease] = await other.fetcher.lease_due("other", NOW, LATER, 1, ONE_AT_ONCE)
        assert lease.fence.account == f"t/{n:02}"
    await released(store, lease, NOW)
    moments = [await store.fetcher.next_due(NOW, ONE_AT_ONCE) for _ in range(5)]
    assert (min(filter(None, moments)), moments[-1]) == (NOW - 88, NOW - 88)
    assert await leased(store, NOW, 1) == ["t/12"]


async def test_an_account_that_is_enabled_again_is_leased_while_others_wait(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([Schedule("t/off", 60.0, enabled=False, host="free.test")], NOW - 500)
    await overdue(store)
    assert await leased(store, NOW) == []
    await store.fetcher.sync_accounts(at("free.test", "t/off"), NOW + 1)
    assert await leased(store, NOW + 1) == ["t/off"]


async def test_a_clock_that_is_set_back_hides_no_account(store: SqlStore) -> None:
    await overdue(store)
    assert await leased(store, NOW + 50) == []
    await store.fetcher.sync_accounts(at("free.test", "t/z"), NOW - 10)
    assert await leased(store, NOW) == ["t/z"]


async def test_all_accounts_are_visited_by_several_processes_within_the_limits(
    store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    chance = random.Random(11)
    hosts = ["a", "a", "a", "a", "b", "c"]
    schedules = [Schedule(f"t{n % 3}/{n:02}", 60.0, enabled=True, host=hosts[n % 6]) for n in range(30)]
    for n, each in enumerate(schedules):
        await store.fetcher.sync_accounts([each], NOW - 50 + n)
    host_of = {each.account: each.host for each in schedules}
    limits = HostLimits(HostLimit(connections=2), {"b": HostLimit(spacing=0.5)})
    stores = [store, another()]
    active: list[Lease] = []
    visited: set[str] = set()
    for n in range(200):
        now = NOW + n / 4
        for _ in range(chance.randint(0, len(active))):
            lease = active.pop(chance.randrange(len(active)))
            await stores[n % 2].fetcher.release_leases([Release(lease.fence, VisitReport(), now, now + 9000)])
        active += await stores[n % 2].fetcher.lease_due(f"{n % 2}", now, now + 900, 3, limits, TenantRoom(2))
        visited |= {*names_of(active)}
        busy = Counter(host_of[name] for name in names_of(active))
        assert max(busy["a"], busy["c"]) <= 2
        if len(visited) == len(schedules):
            break
    assert len(visited) == len(schedules)


async def test_accounts_that_wait_at_a_full_host_add_no_work_to_a_look(
    empty_sqlite: Path, tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_accounts, "PORTION", 1000)
    taken = []
    for count in (200, 2000):
        path = tmp_path / f"{count}.db"
        shutil.copy(empty_sqlite, path)
        store = open_store(f"sqlite://{path}")
        await store.fetcher.sync_accounts(at("full.test", *(f"t/{n}" for n in range(count))), NOW - 50)
        await store.fetcher.sync_accounts(at("free.test", *(f"u/{n}" for n in range(9))), NOW + 9)
        await leased(store, NOW)
        steps.note("the start")
        assert await store.fetcher.lease_due("me", NOW + 1, LATER, 3, ONE_AT_ONCE) == []
        assert await store.fetcher.next_due(NOW + 1, ONE_AT_ONCE) == NOW + 9
        assert len(await store.fetcher.lease_due("me", NOW + 9, LATER, 1, ONE_AT_ONCE)) == 1
        steps.note("looks")
        taken.append(steps.of["looks"])
        await store.close()
    few, many = taken
    assert many <= few + 100
