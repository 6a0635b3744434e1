"""What the store promises about conditions and events."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from shared.adapters.sql.store import SqlStore
from shared.ports.store.events import ConditionChange, EventQuery, EventRecord

FAILING = EventRecord(20.0, "account.failing", "acme/info", "acme", "acme/info", "No password.")
BEGUN = ConditionChange("account acme/info", None, 20.0, FAILING)
ENDED = ConditionChange("account acme/info", 20.0, None, replace(FAILING, at=30.0, event="account.recovered"))


async def told(store: SqlStore, query: EventQuery = EventQuery()) -> list[str]:
    return [each.event for each in await store.events.events_after(query, 50)]


async def test_of_those_who_notice_a_change_one_tells_it(store: SqlStore) -> None:
    counts = await asyncio.gather(*(store.events.record_changes([BEGUN]) for _ in range(8)))
    assert sorted(counts) == [0] * 7 + [1]
    assert await store.events.conditions() == {"account acme/info": 20.0}
    assert await store.events.record_changes([ENDED]) == 1
    assert await store.events.record_changes([ENDED]) == 0
    assert await store.events.conditions() == {}
    assert await told(store) == ["account.failing", "account.recovered"]


async def test_what_comes_back_is_told_again(store: SqlStore) -> None:
    for change in (BEGUN, ENDED, BEGUN):
        assert await store.events.record_changes([change]) == 1
    assert await told(store) == ["account.failing", "account.recovered", "account.failing"]


async def test_a_change_without_an_event_is_noted_and_not_told(store: SqlStore) -> None:
    assert await store.events.record_changes([replace(BEGUN, event=None)]) == 1
    assert (await store.events.conditions(), await told(store)) == ({"account acme/info": 20.0}, [])


async def test_events_are_read_in_their_order_from_any_of_them_on(store: SqlStore) -> None:
    subjects = [f"acme/box{number}" for number in range(9)]
    for name in subjects:
        happened = replace(FAILING, subject=name, account=name)
        await store.events.record_changes([ConditionChange(f"account {name}", None, 1.0, happened)])
    found = await store.events.events_after(EventQuery(), 5)
    rest = await store.events.events_after(EventQuery(found[-1].number), 50)
    assert [each.subject for each in (*found, *rest)] == subjects
    assert await store.events.newest_event() == rest[-1].number
    assert replace(found[0], number=0) == replace(FAILING, subject="acme/box0", account="acme/box0")


async def test_each_sees_the_events_of_his_tenant_or_of_his_accounts(store: SqlStore) -> None:
    for name in ("acme/info", "acme/sales", "other/info"):
        happened = replace(FAILING, event=name, tenant=name.partition("/")[0], account=name)
        await store.events.record_changes([ConditionChange(name, None, 1.0, happened)])
    down = replace(FAILING, event="down", tenant=None, account=None)
    await store.events.record_changes([ConditionChange("target exchange", None, 1.0, down)])
    assert await told(store, EventQuery(tenant="acme")) == ["acme/info", "acme/sales"]
    assert await told(store, EventQuery(tenant="acme", accounts=frozenset({"acme/sales"}))) == ["acme/sales"]
    assert await told(store, EventQuery(tenant="acme", accounts=frozenset())) == []


async def test_old_events_are_pruned_and_their_numbers_are_not_given_again(store: SqlStore) -> None:
    for change in (BEGUN, ENDED):
        await store.events.record_changes([change])
    before = await store.events.newest_event()
    await store.events.prune_events(30.0)
    assert await told(store) == ["account.recovered"]
    await store.events.prune_events(99.0)
    await store.events.record_changes([BEGUN])
    assert await store.events.newest_event() > before
