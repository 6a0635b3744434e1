"""An account put off by a clock that was ahead is due as soon as the clock is right."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.ports.store import LONGEST_WAIT, Release, Schedule, VisitReport

NOW = 1_000_000.0
DAY = 86400.0
LEASE = 60.0


async def leased(store: SqlStore, now: float, owner: str = "me") -> list[str]:
    return [lease.fence.account for lease in await store.fetcher.lease_due(owner, now, now + LEASE, 10)]


async def scheduled(store: SqlStore, poll: float, due_at: float) -> None:
    """Enter an account that was visited and is due again at `due_at`."""
    await store.fetcher.sync_accounts([Schedule("a", poll, enabled=True)], NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, NOW + LEASE, 1)
    await store.fetcher.release_leases([Release(lease.fence, VisitReport(), NOW, due_at)])


async def test_an_account_that_was_put_off_for_days_is_due(store: SqlStore) -> None:
    await scheduled(store, 60.0, NOW + 40 * DAY)
    assert await leased(store, NOW + 1) == ["a"]
    assert await leased(store, NOW + 1, "another") == []


async def test_an_account_is_not_due_before_its_own_interval_is_over(store: SqlStore) -> None:
    await scheduled(store, 7 * DAY, NOW + 7.7 * DAY)
    assert await leased(store, NOW + 1) == []


async def test_the_longest_pause_after_failures_is_kept(store: SqlStore) -> None:
    await scheduled(store, 60.0, NOW + 3960)
    assert await leased(store, NOW + 1) == []


async def test_the_longest_wait_that_a_server_may_ask_for_is_kept(store: SqlStore) -> None:
    await scheduled(store, 60.0, NOW + 1.1 * LONGEST_WAIT)
    assert await leased(store, NOW + 1) == []
    assert await leased(store, NOW + 1.1 * LONGEST_WAIT) == ["a"]


async def test_a_wait_recorded_by_a_clock_that_was_ahead_is_not_kept(store: SqlStore) -> None:
    await scheduled(store, 60.0, NOW + 10_000)
    assert await leased(store, NOW - 5000) == ["a"]


async def test_a_lease_that_was_taken_by_a_clock_ahead_runs_out(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([Schedule("a", 60.0, enabled=True)], NOW)
    assert await leased(store, NOW + 40 * DAY) == ["a"]
    assert await leased(store, NOW, "another") == ["a"]


async def test_a_lease_of_a_clock_that_was_hours_ahead_runs_out_also_after_a_visit(store: SqlStore) -> None:
    await scheduled(store, 60.0, NOW + 60)
    assert await leased(store, NOW + 10_000) == ["a"]
    assert await leased(store, NOW + 70, "another") == ["a"]


async def test_a_pass_takes_over_a_lease_of_a_clock_that_was_ahead(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([Schedule("a", 60.0, enabled=True)], NOW)
    assert await leased(store, NOW + 40 * DAY) == ["a"]
    [lease] = await store.fetcher.lease_these("another", ["a"], NOW, NOW + LEASE)
    assert lease.fence.account == "a"
    assert await store.fetcher.lease_these("me", ["a"], NOW, NOW + LEASE) == []
