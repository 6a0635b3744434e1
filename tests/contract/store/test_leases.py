"""What the store promises about accounts: their schedule, and that one process at a time visits each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.adapters.sql.store import SqlStore
from shared.custody.commands import Fence
from shared.ports.store import AccountState, Release, Schedule, VisitReport

NOW = 1000.0
LATER = NOW + 60


def schedules(*names: str, enabled: bool = True) -> list[Schedule]:
    return [Schedule(name, 60.0, enabled=enabled) for name in names]


async def state_of(store: SqlStore, account: str) -> AccountState:
    return {each.account: each for each in await store.operator.account_states()}[account]


async def test_a_new_account_is_due_at_once(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert (lease.fence.account, lease.until, lease.failures) == ("a", LATER, 0)


async def test_a_disabled_account_is_not_leased(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a", enabled=False), NOW)
    assert await store.fetcher.lease_due("me", NOW, LATER, 10) == []


async def test_an_account_that_one_process_does_not_name_stays_scheduled(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW)
    await store.fetcher.sync_accounts(schedules("b"), NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert sorted(lease.fence.account for lease in leases) == ["a", "b"]


async def test_an_account_returned_without_a_visit_keeps_its_state_and_is_due_again(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.release_leases(
        [Release(lease.fence, VisitReport("login refused", failed=True), NOW, NOW)]
    )
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.return_leases({lease.fence: 0.0}, NOW + 10)
    state = await state_of(store, "a")
    assert (state.failures, state.problem, state.leased_by, state.enabled) == (1, "login refused", None, True)
    assert await store.fetcher.lease_due("me", NOW + 9, LATER, 10) == []
    assert len(await store.fetcher.lease_due("me", NOW + 10, LATER, 10)) == 1


async def test_an_account_not_visited_for_long_is_disabled_until_a_configuration_names_it(
    store: SqlStore,
) -> None:
    await store.fetcher.sync_accounts(schedules("visited", "forgotten"), NOW)
    leases = {each.fence.account: each for each in await store.fetcher.lease_due("me", NOW, LATER, 10)}
    await store.fetcher.release_leases([Release(leases["visited"].fence, VisitReport(), NOW, NOW)])
    [again] = await store.fetcher.lease_these("me", ["visited"], NOW, LATER)
    await store.fetcher.return_leases({again.fence: NOW - 1, leases["forgotten"].fence: NOW - 1}, NOW + 10)
    assert (await state_of(store, "visited")).enabled
    assert not (await state_of(store, "forgotten")).enabled
    await store.fetcher.sync_accounts(schedules("forgotten"), NOW)
    assert (await state_of(store, "forgotten")).enabled


async def test_accounts_can_be_made_due_at_once(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.release_leases(
        [Release(each.fence, VisitReport(), NOW, NOW + 5000) for each in leases]
    )
    await store.fetcher.make_accounts_due(["a"], NOW + 1)
    assert [each.fence.account for each in await store.fetcher.lease_due("me", NOW + 1, LATER, 10)] == ["a"]


async def test_an_account_can_be_made_due_at_a_time_to_come_but_not_later_than_it_was(
    store: SqlStore,
) -> None:
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10)
    releases = [
        Release(each.fence, VisitReport(), NOW, NOW + wait)
        for each, wait in zip(leases, (600, 30), strict=True)
    ]
    await store.fetcher.release_leases(releases)
    await store.fetcher.make_accounts_due([each.fence.account for each in leases], NOW + 60)
    at = [await store.fetcher.lease_due("me", NOW + wait, NOW + 900, 10) for wait in (29, 30, 59, 60)]
    assert [[each.fence.account for each in some] for some in at] == [
        [],
        [leases[1].fence.account],
        [],
        [leases[0].fence.account],
    ]


async def test_an_account_that_is_named_again_keeps_its_state(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.release_leases(
        [Release(lease.fence, VisitReport("login refused", failed=True), NOW, NOW + 500)]
    )
    await store.fetcher.sync_accounts([], NOW)
    await store.fetcher.sync_accounts(schedules("a"), NOW + 100)
    state = await state_of(store, "a")
    assert (state.enabled, state.problem, state.failures, state.due_at) == (
        True,
        "login refused",
        1,
        NOW + 500,
    )


async def test_the_most_overdue_accounts_are_leased_first(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW - 5)
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW - 50)
    await store.fetcher.sync_accounts(schedules("a", "b", "c"), NOW - 20)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 2)
    assert [lease.fence.account for lease in leases] == ["b", "c"]


async def test_an_account_that_is_not_due_yet_is_not_leased(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW + 1)
    assert await store.fetcher.lease_due("me", NOW, LATER, 10) == []


async def test_a_leased_account_is_not_leased_again(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert await store.fetcher.lease_due("other", NOW, LATER, 10) == []
    assert await store.fetcher.lease_these("other", ["a"], NOW, LATER) == []


async def test_many_processes_never_get_the_same_account(
    store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    names = [f"account {n}" for n in range(40)]
    await store.fetcher.sync_accounts(schedules(*names), NOW)
    stores = [store, another(), another()]
    calls = [each.fetcher.lease_due(f"process {n}", NOW, LATER, 8) for n, each in enumerate(stores * 3)]
    leased = [lease.fence.account for leases in await asyncio.gather(*calls) for lease in leases]
    assert len(leased) == len(set(leased))
    rest = await store.fetcher.lease_due("last", NOW, LATER, 40)
    assert sorted([*leased, *(lease.fence.account for lease in rest)]) == sorted(names)


async def test_a_lease_that_ran_out_is_taken_over_under_a_newer_fence(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [mine] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    [theirs] = await store.fetcher.lease_due("other", LATER, LATER + 60, 10)
    assert theirs.fence.number > mine.fence.number
    assert (await state_of(store, "a")).leased_by == "other"


async def test_an_account_that_is_not_due_can_be_leased_by_name(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW + 500)
    leases = await store.fetcher.lease_these("me", ["a", "unknown"], NOW, LATER)
    assert [lease.fence.account for lease in leases] == ["a"]


async def test_a_renewed_lease_does_not_run_out(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert await store.fetcher.renew_leases([lease.fence], LATER + 60) == [lease.fence]
    assert await store.fetcher.lease_due("other", LATER, LATER + 60, 10) == []


async def test_only_leases_that_still_hold_are_renewed(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW)
    fences = [lease.fence for lease in await store.fetcher.lease_due("me", NOW, LATER, 10)]
    [taken] = await store.fetcher.lease_these("other", ["a"], LATER, LATER + 60)
    assert await store.fetcher.renew_leases(fences, LATER + 60) == [
        fence for fence in fences if fence.account == "b"
    ]
    assert await store.fetcher.renew_leases([taken.fence], LATER + 90) == [taken.fence]
    assert await store.fetcher.renew_leases([], LATER) == []


async def test_as_many_leases_are_renewed_and_ended_as_a_process_can_hold(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    fences = [lease.fence, *(Fence(f"gone{number}", 1) for number in range(12_000))]
    assert await store.fetcher.renew_leases(fences, LATER + 60) == [lease.fence]
    await store.fetcher.release_leases([Release(each, VisitReport(), NOW, NOW + 500) for each in fences])
    assert (await state_of(store, "a")).leased_by is None


async def test_a_released_account_is_due_at_the_time_that_the_release_names(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.release_leases(
        [Release(lease.fence, VisitReport(fetched=3, waiting=2), NOW + 1, NOW + 30)]
    )
    assert await store.fetcher.lease_due("me", NOW + 29, LATER, 10) == []
    assert len(await store.fetcher.lease_due("me", NOW + 30, LATER, 10)) == 1


async def test_a_release_records_how_the_visit_ended(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    for problem in ("refused", "refused again"):
        [lease] = await store.fetcher.lease_these("me", ["a"], NOW, LATER)
        await store.fetcher.release_leases(
            [Release(lease.fence, VisitReport(problem, failed=True), NOW + 1, NOW)]
        )
    failed = await state_of(store, "a")
    assert (failed.failures, failed.problem, failed.visited_at, failed.succeeded_at) == (
        2,
        "refused again",
        NOW + 1,
        None,
    )
    [lease] = await store.fetcher.lease_these("me", ["a"], NOW, LATER)
    assert lease.failures == 2
    await store.fetcher.release_leases([Release(lease.fence, VisitReport(waiting=7), NOW + 2, NOW)])
    well = await state_of(store, "a")
    assert (well.failures, well.problem, well.succeeded_at, well.waiting) == (0, None, NOW + 2, 7)
    assert (well.leased_by, well.lease_until) == (None, None)


async def test_a_visit_that_our_end_interrupts_says_nothing_of_the_account(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("new", "well", "bad"), NOW)
    leases = await store.fetcher.lease_these("me", ["well", "bad"], NOW, LATER)
    reports = {"well": VisitReport("one mail is large", waiting=7), "bad": VisitReport("no", failed=True)}
    await store.fetcher.release_leases(
        [Release(each.fence, reports[each.fence.account], NOW + 1, NOW) for each in leases]
    )
    before = {name: await state_of(store, name) for name in ("new", "well", "bad")}
    cut = VisitReport("the process had to end", failed=True, interrupted=True, method="plain", state="kept")
    leases = await store.fetcher.lease_due("me", NOW + 2, LATER, 10)
    await store.fetcher.release_leases([Release(each.fence, cut, NOW + 3, NOW + 3) for each in leases])
    for name, known in before.items():
        assert await state_of(store, name) == replace(known, due_at=NOW + 3, method="plain")
    leases = await store.fetcher.lease_due("me", NOW + 3, LATER, 10)
    assert {each.fence.account: each.failures for each in leases} == {"new": 0, "well": 0, "bad": 1}
    assert {each.state for each in leases} == {"kept"}


async def test_a_lease_is_released_although_its_caller_was_cancelled(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    release = asyncio.create_task(
        store.fetcher.release_leases([Release(lease.fence, VisitReport(), NOW, LATER)])
    )
    await asyncio.sleep(0)
    release.cancel()
    await asyncio.wait([release])
    assert release.cancelled()
    await store.runner.drain()
    assert (await state_of(store, "a")).leased_by is None


async def test_a_lease_that_passed_on_is_not_released_by_its_old_holder(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [mine] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.lease_due("other", LATER, LATER + 60, 10)
    await store.fetcher.release_leases([Release(mine.fence, VisitReport("too late"), LATER, LATER)])
    state = await state_of(store, "a")
    assert (state.leased_by, state.problem) == ("other", None)


async def test_a_problem_may_contain_characters_that_no_database_stores(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.release_leases([Release(lease.fence, VisitReport("said \0 and \udc80"), NOW, LATER)])
    assert (await state_of(store, "a")).problem == r"said \u0000 and \udc80"


@pytest.mark.parametrize("ends", [LATER, NOW + 10])
async def test_the_next_account_is_due_at_the_later_of_its_lease_end_and_its_due_time(
    store: SqlStore, ends: float
) -> None:
    assert await store.fetcher.next_due() is None
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    await store.fetcher.sync_accounts([*schedules("a"), Schedule("off", 60, enabled=False)], NOW - 100)
    assert await store.fetcher.next_due() == NOW
    await store.fetcher.lease_due("me", NOW, ends, 10)
    assert await store.fetcher.next_due() == ends


async def test_an_account_leased_before_it_is_due_is_next_due_at_its_own_time(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW + 500)
    [lease] = await store.fetcher.lease_these("me", ["a"], NOW, LATER)
    assert await store.fetcher.next_due() == NOW + 500
    await store.fetcher.renew_leases([lease.fence], NOW + 600)
    assert await store.fetcher.next_due() == NOW + 600


async def test_all_leases_can_be_ended(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a", "b"), NOW)
    [lease] = await store.fetcher.lease_these("me", ["a"], NOW, LATER)
    assert await store.maintenance.end_leases() == 1
    assert await store.fetcher.renew_leases([lease.fence], LATER) == []
    assert len(await store.fetcher.lease_due("me", NOW, LATER, 10)) == 2


async def test_an_unknown_account_has_nothing_to_release(store: SqlStore) -> None:
    await store.fetcher.release_leases([Release(Fence("unknown", 1), VisitReport(), NOW, LATER)])
    assert await store.operator.account_states() == []


async def test_a_visit_may_have_a_problem_and_still_go_well(store: SqlStore) -> None:
    await store.fetcher.sync_accounts(schedules("a"), NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.fetcher.release_leases(
        [Release(lease.fence, VisitReport("one mail was too large"), NOW, NOW)]
    )
    state = await state_of(store, "a")
    assert (state.problem, state.failures, state.succeeded_at) == ("one mail was too large", 0, NOW)
