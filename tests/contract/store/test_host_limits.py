"""What the store promises about hosts: no host gets more visits than its limits allow, from all processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Select

from shared.adapters.sql.leases.backlog import Position
from shared.adapters.sql.leases.leasing import due, in_order
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.hosts import HostLimit, HostLimits
from shared.ports.store import Lease, Release, Schedule, VisitReport
from tests.fakes.mail_lives import Lives

NOW = 1000.0
LATER = NOW + 60
TWO_AT_ONCE = HostLimits(HostLimit(connections=2))


def at(host: str, *names: str) -> list[Schedule]:
    return [Schedule(name, 60.0, enabled=True, host=host) for name in names]


def names_of(leases: Sequence[Lease]) -> list[str]:
    return [lease.fence.account for lease in leases]


async def released(store: SqlStore, *leases: Lease, due_at: float = LATER) -> None:
    await store.fetcher.release_leases([Release(lease.fence, VisitReport(), NOW, due_at) for lease in leases])


async def test_a_host_gets_as_many_visits_at_once_as_its_limit_allows(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("pop.test", "a", "b", "c"), NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10, TWO_AT_ONCE)
    assert len(leases) == 2
    assert await store.fetcher.lease_due("other", NOW, LATER, 10, TWO_AT_ONCE) == []
    await released(store, leases[0])
    assert len(await store.fetcher.lease_due("other", NOW, LATER, 10, TWO_AT_ONCE)) == 1


async def test_a_host_that_is_full_does_not_keep_others_waiting(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("full.test", *"abcdef"), NOW - 50)
    await store.fetcher.sync_accounts([*at("full.test", *"abcdef"), *at("free.test", "y", "z")], NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 4, TWO_AT_ONCE)
    assert Counter(names_of(leases)[2:]) == {"y": 1, "z": 1}


async def test_a_lease_that_ran_out_does_not_count(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("pop.test", "a", "b", "c"), NOW)
    await store.fetcher.lease_due("me", NOW, LATER, 10, TWO_AT_ONCE)
    assert len(await store.fetcher.lease_due("other", LATER, LATER + 60, 10, TWO_AT_ONCE)) == 2


async def test_a_named_host_has_limits_of_its_own(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([*at("big.test", *"abc"), *at("small.test", *"xyz")], NOW)
    limits = HostLimits(HostLimit(), {"small.test": HostLimit(connections=1)})
    leases = names_of(await store.fetcher.lease_due("me", NOW, LATER, 10, limits))
    assert sorted(leases)[:3] == ["a", "b", "c"]
    assert len(leases) == 4


async def test_accounts_without_a_known_host_have_no_limit(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("", *"abcd"), NOW)
    assert len(await store.fetcher.lease_due("me", NOW, LATER, 10, TWO_AT_ONCE)) == 4


async def test_an_account_that_moves_to_another_host_counts_there(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("old.test", "a", "b", "c"), NOW)
    await store.fetcher.sync_accounts([*at("new.test", "a"), *at("old.test", "b", "c")], NOW)
    assert len(await store.fetcher.lease_due("me", NOW, LATER, 10, TWO_AT_ONCE)) == 3


async def test_visits_to_a_host_keep_their_spacing_whichever_process_begins_them(store: SqlStore) -> None:
    limits = HostLimits(HostLimit(spacing=5.0))
    await store.fetcher.sync_accounts([*at("pop.test", "a", "b"), *at("other.test", "z")], NOW)
    assert sorted(names_of(await store.fetcher.lease_due("me", NOW, LATER, 10, limits))) in (
        ["a", "z"],
        ["b", "z"],
    )
    assert await store.fetcher.lease_due("other", NOW + 4.9, LATER, 10, limits) == []
    assert await store.fetcher.next_due(NOW + 1, limits) == NOW + 5
    assert len(await store.fetcher.lease_due("other", NOW + 5, LATER, 10, limits)) == 1


async def test_a_spacing_set_by_a_clock_that_was_ahead_does_not_count(store: SqlStore) -> None:
    limits = HostLimits(HostLimit(spacing=5.0))
    await store.fetcher.sync_accounts(at("pop.test", "a", "b"), NOW)
    assert len(await store.fetcher.lease_due("ahead", NOW + 86400, NOW + 86460, 1, limits)) == 1
    assert len(await store.fetcher.lease_due("me", NOW, LATER, 1, limits)) == 1


async def test_an_account_of_a_full_host_is_not_the_next_one_due(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("pop.test", "a", "b", "c"), NOW)
    await store.fetcher.lease_due("me", NOW, LATER, 10, TWO_AT_ONCE)
    assert await store.fetcher.next_due(NOW, TWO_AT_ONCE) is None
    await store.fetcher.sync_accounts([*at("pop.test", "a", "b", "c"), *at("free.test", "z")], NOW + 7)
    assert await store.fetcher.next_due(NOW, TWO_AT_ONCE) == NOW + 7


async def test_many_processes_together_keep_to_the_limit(
    store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    schedules = [
        each for host in ("one", "two", "three") for each in at(host, *(f"{host}{n}" for n in range(20)))
    ]
    await store.fetcher.sync_accounts(schedules, NOW)
    limits = HostLimits(HostLimit(connections=5), {"two": HostLimit(spacing=9.0)})
    stores = [store, another(), another()]
    calls = [
        each.fetcher.lease_due(f"process {n}", NOW, LATER, 7, limits) for n, each in enumerate(stores * 4)
    ]
    leased = [name for leases in await asyncio.gather(*calls) for name in names_of(leases)]
    hosts = Counter(name.rstrip("0123456789") for name in leased)
    assert len(leased) == len(set(leased))
    assert hosts == {"one": 5, "two": 1, "three": 5}


async def test_a_lease_says_whether_the_ledger_holds_mail_of_the_account(lives: Lives) -> None:
    store = lives.store
    [fresh] = await store.fetcher.lease_these(
        "other", ["acme/box"], lives.now + 2_000_000, lives.now + 3_000_000
    )
    assert fresh.is_fresh
    lives.fence = fresh.fence
    await lives.fetched("uid-1")
    await store.fetcher.release_leases([Release(fresh.fence, VisitReport(), lives.now, lives.now)])
    [known] = await store.fetcher.lease_due("me", lives.now, lives.now + 60, 1)
    assert not known.is_fresh


async def test_the_login_method_of_the_last_visit_comes_with_the_next_lease(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("pop.test", "a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 1)
    assert lease.method is None
    for method in ("scram-sha-256", None):
        await store.fetcher.release_leases([Release(lease.fence, VisitReport(method=method), NOW, NOW)])
        [lease] = await store.fetcher.lease_due("me", NOW, LATER, 1)
        assert lease.method == method


async def test_visits_that_end_together_are_released_together(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(at("pop.test", *"abc"), NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 3)
    [taken] = await store.fetcher.lease_these("other", ["b"], LATER, LATER + 60)
    await store.fetcher.release_leases(
        [
            Release(lease.fence, VisitReport(f"{lease.fence.account} said no", failed=True), NOW, NOW + 9)
            for lease in leases
        ]
    )
    states = {each.account: each for each in await store.operator.account_states()}
    assert [states[name].problem for name in "abc"] == ["a said no", None, "c said no"]
    assert [states[name].leased_by for name in "abc"] == [None, "other", None]
    assert await store.fetcher.renew_leases([taken.fence], LATER + 90) == [taken.fence]
    await store.fetcher.release_leases([])


@pytest.mark.parametrize("query", [due(NOW), in_order(NOW), in_order(None, Position(NOW - 50, "a1"))])
async def test_due_accounts_are_found_by_an_index_however_many_there_are(
    store: SqlStore, query: Select[Any]
) -> None:
    def plan(transaction: Transaction) -> str:
        connection = transaction.connection
        statement = query.limit(10).compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        return str(connection.exec_driver_sql(f"{explain} {statement}").all())

    await store.fetcher.sync_accounts(at("pop.test", *(f"a{n}" for n in range(2000))), NOW - 50)
    steps = await store.runner.read(plan)
    assert "accounts_ready" in steps
    assert "Sort" not in steps
    assert "TEMP B-TREE" not in steps
