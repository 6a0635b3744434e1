"""The store summarises all accounts, and counts the mails in custody for those that are asked about."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.ports.store import AccountSummary, CustodySummary, Release, Schedule, VisitReport
from tests.fakes.mail_lives import ACCOUNT, LEASE, Lives, mail

NOW = 1000.0
NEW = AccountSummary("acme/bob", True, False, False, False, None, NOW, None, None)


async def of(store: SqlStore, account: str = "acme/bob") -> AccountSummary:
    return {each.account: each for each in await store.operator.account_summaries()}[account]


async def visited(store: SqlStore, report: VisitReport) -> None:
    [lease] = await store.fetcher.lease_these("me", ["acme/bob"], NOW + 1, NOW + 60)
    await store.fetcher.release_leases([Release(lease.fence, report, NOW + 2, NOW + 100)])


async def test_an_account_without_a_visit_is_due_and_has_no_past(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([Schedule("acme/bob", 60.0, enabled=True)], NOW)
    assert await store.operator.account_summaries() == [NEW]


async def test_a_failed_visit_differs_from_a_visit_with_a_problem(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([Schedule("acme/bob", 60.0, enabled=True)], NOW)
    await visited(store, VisitReport(problem="a mail was left"))
    well = NEW._replace(has_problem=True, due_at=NOW + 100, visited_at=NOW + 2, succeeded_at=NOW + 2)
    assert await of(store) == well
    await visited(store, VisitReport(problem="no route", failed=True))
    assert await of(store) == well._replace(failing=True)


async def test_disabled_paused_and_leased_accounts_are_shown_as_such(store: SqlStore) -> None:
    names = ["acme/bob", "acme/eve", "acme/off"]
    await store.fetcher.sync_accounts(
        [Schedule(name, 60.0, enabled=name != "acme/off") for name in names], NOW
    )
    await store.operator.pause_scope("acme/eve", NOW)
    await store.fetcher.lease_these("me", ["acme/bob"], NOW, NOW + 60)
    assert (await of(store)).lease_until == NOW + 60
    assert (await of(store, "acme/eve")).paused
    assert not (await of(store, "acme/off")).enabled


async def test_mails_that_are_not_done_are_counted_by_where_they_are(lives: Lives) -> None:
    await lives.fetched("uid 1")
    await lives.routed("uid 2")
    await lives.fetch(mail("uid 3", blob="blob 3")._replace(spooled=True))
    early = await lives.routed("uid 4", blob="blob 4")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {early: "taken away"}, lives.now)
    assert await lives.store.operator.custody_summaries([ACCOUNT, "acme/nobody"]) == {
        ACCOUNT: CustodySummary(2, 2)
    }
    assert await lives.store.maintenance.left_behind_count() == 0
    assert await lives.store.operator.custody_summaries(["acme/nobody"]) == {}


async def test_mails_that_are_done_or_lost_do_not_count(lives: Lives) -> None:
    done = await lives.routed("uid 1")
    await lives.deliver(done)
    await lives.park(await lives.routed("uid 2"))
    lost = await lives.routed("uid 3")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {lost: "taken away"}, lives.now)
    assert await lives.store.operator.custody_summaries([ACCOUNT]) == {}
    assert (
        await lives.store.maintenance.left_behind_count()
        == len(await lives.store.operator.left_behind(10))
        == 1
    )


async def test_more_accounts_than_fit_into_one_statement_can_be_asked_about(lives: Lives) -> None:
    await lives.fetched("uid 1")
    many = [f"acme/{number}" for number in range(1200)]
    assert await lives.store.operator.custody_summaries([*many, ACCOUNT]) == {ACCOUNT: CustodySummary(1, 0)}
