"""What the store promises about pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from shared.adapters.sql.store import SqlStore
from shared.ports.store import EVERYTHING, Pause, Schedule

NOW = 1000.0
LATER = NOW + 60
ALL = ("acme/bob", "acme/eve", "acme2/bob", "other/ann")


def schedules(*names: str) -> list[Schedule]:
    return [Schedule(name, 60.0, enabled=True) for name in names]


async def due(store: SqlStore, now: float = NOW) -> list[str]:
    return sorted(lease.fence.account for lease in await store.fetcher.lease_due("me", now, now + 60, 10))


async def test_a_paused_account_is_not_leased_and_the_others_are(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules(*ALL), NOW)
    assert await store.operator.pause_scope("acme/bob", NOW) == ["acme/bob"]
    assert await store.fetcher.lease_these("me", ["acme/bob"], NOW, LATER) == []
    assert await due(store) == ["acme/eve", "acme2/bob", "other/ann"]
    assert await store.fetcher.paused_among(ALL) == ["acme/bob"]
    assert await store.fetcher.fences_of(["acme/bob", "acme/eve", "acme2/bob", "nobody"]) == {
        "acme/eve": 1,
        "acme2/bob": 1,
    }


async def test_pausing_a_tenant_pauses_no_other(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules(*ALL), NOW)
    assert await store.operator.pause_scope("acme/", NOW) == ["acme/bob", "acme/eve"]
    assert await due(store) == ["acme2/bob", "other/ann"]


async def test_everything_can_be_paused(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules(*ALL), NOW)
    assert await store.operator.pause_scope(EVERYTHING, NOW) == sorted(ALL)
    assert await due(store) == []
    assert await store.fetcher.next_due() is None


async def test_a_resumed_account_is_due_at_once(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("acme/bob"), NOW + 500)
    await store.operator.pause_scope("acme/bob", NOW)
    assert await store.operator.resume_scope("acme/bob", NOW + 1) == ["acme/bob"]
    assert await store.fetcher.next_due() == NOW + 1
    assert await due(store, NOW + 1) == ["acme/bob"]


async def test_an_account_that_is_still_visited_is_due_when_the_visit_is_over(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("acme/bob"), NOW)
    await store.fetcher.lease_due("me", NOW, LATER, 1)
    await store.operator.pause_scope("acme/bob", NOW)
    await store.operator.resume_scope("acme/bob", NOW)
    assert await due(store, NOW) == []
    assert await due(store, LATER) == ["acme/bob"]


async def test_an_account_stays_paused_while_a_wider_pause_holds(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules(*ALL), NOW)
    await store.operator.pause_scope("acme/", NOW)
    await store.operator.pause_scope("acme/bob", NOW + 1)
    assert await store.operator.resume_scope("acme/bob", NOW + 2) == []
    assert await store.operator.pauses() == [Pause("acme/", NOW)]


async def test_resuming_a_tenant_takes_back_the_pauses_of_its_accounts(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules(*ALL), NOW)
    await store.operator.pause_scope("acme/bob", NOW)
    await store.operator.pause_scope("other/ann", NOW)
    assert await store.operator.resume_scope("acme/", NOW) == ["acme/bob"]
    assert await store.operator.pauses() == [Pause("other/ann", NOW)]
    assert await store.operator.resume_scope(EVERYTHING, NOW) == ["other/ann"]
    assert await store.operator.pauses() == []


async def test_an_account_that_appears_in_a_paused_tenant_is_paused(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("acme/bob"), NOW)
    await store.operator.pause_scope("acme/", NOW)
    await store.fetcher.sync_accounts(schedules("acme/bob", "acme/new"), NOW)
    assert await due(store) == []
    assert [state.paused for state in await store.operator.account_states()] == [True, True]


async def test_pausing_twice_keeps_the_first_time_and_reports_no_account(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("acme/bob"), NOW)
    await store.operator.pause_scope("acme/bob", NOW)
    assert await store.operator.pause_scope("acme/bob", NOW + 9) == []
    assert await store.operator.pauses() == [Pause("acme/bob", NOW)]


async def test_a_pause_by_one_process_holds_for_all(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    await store.fetcher.sync_accounts(schedules(*ALL), NOW)
    await asyncio.gather(
        another().operator.pause_scope("acme/", NOW),
        another().fetcher.sync_accounts(schedules(*ALL, "acme/new"), NOW),
    )
    assert await due(store) == ["acme2/bob", "other/ann"]
