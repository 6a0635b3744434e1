"""The store counts all accounts by their condition, and the mail of those that are not in the registry."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.model.account_condition import OVERDUE, AccountCondition
from shared.model.message import RecipientStatus
from shared.model.spec import Kind, Manager
from shared.ports.store import (
    ANY,
    AccountTotals,
    Release,
    Schedule,
    SpecChange,
    UnregisteredAccount,
    UnregisteredMail,
    VisitReport,
)
from tests.fakes.mail_lives import ACCOUNT, BOB, LEASE, Lives, mail, outcome, routed

NOW = 1000.0
TENANTS = 100


def registered(name: str, *, enabled: bool = True, scheduled: bool = True) -> SpecChange:
    tenant = name.partition("/")[0]
    schedule = Schedule(name, 60.0, enabled, "pop.isp.example") if scheduled else None
    return SpecChange(
        Kind.ACCOUNT, name, tenant, {}, enabled, Manager.FILE, "/etc/m.toml", ANY, "exchange", schedule
    )


async def visited(store: SqlStore, name: str, report: VisitReport, now: float = NOW) -> None:
    [lease] = await store.fetcher.lease_these("me", [name], now, now + 60)
    await store.fetcher.release_leases([Release(lease.fence, report, now, now + 1e6)])


async def totals(store: SqlStore, now: float = NOW, tenants: int = TENANTS) -> AccountTotals:
    return await store.maintenance.account_totals(now, tenants)


async def test_without_accounts_nothing_is_counted(store: SqlStore) -> None:
    assert await totals(store) == AccountTotals({}, {}, None, 0)


async def test_every_account_of_the_registry_is_counted_in_one_state(store: SqlStore) -> None:
    names = ["well", "part", "bad", "new", "paused", "leased", "unscheduled"]
    off = registered("acme/off", enabled=False)
    accounts = [registered(f"acme/{name}", scheduled=name != "unscheduled") for name in names]
    await store.registry.save_specs([*accounts, off], NOW)
    await visited(store, "acme/well", VisitReport())
    await visited(store, "acme/part", VisitReport(problem="a mail was left"))
    await visited(store, "acme/bad", VisitReport(problem="no route", failed=True))
    await visited(store, "acme/paused", VisitReport(problem="no route", failed=True))
    await store.operator.pause_scope("acme/paused", NOW)
    await store.fetcher.lease_these("me", ["acme/leased"], NOW, NOW + 2 * OVERDUE)
    found = await totals(store)
    assert found.states == {
        AccountCondition.WORKING: 1,
        AccountCondition.DEGRADED: 1,
        AccountCondition.FAILING: 1,
        AccountCondition.NEW: 3,
        AccountCondition.PAUSED: 1,
        AccountCondition.DISABLED: 1,
    }
    later = (await totals(store, NOW + OVERDUE + 1)).states
    assert (later[AccountCondition.OVERDUE], later[AccountCondition.NEW]) == (1, 2)
    assert (await totals(store, NOW + 2 * OVERDUE)).states[AccountCondition.OVERDUE] == 2


async def test_accounts_that_were_removed_or_never_registered_are_not_counted(store: SqlStore) -> None:
    await store.registry.save_specs([registered("acme/bob"), registered("acme/gone")], NOW)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/gone": ANY}, NOW)
    await store.fetcher.sync_accounts([Schedule("acme/old", 60.0, enabled=True)], NOW)
    found = await totals(store)
    assert (found.states, found.revision) == ({AccountCondition.NEW: 1}, 2)


async def test_a_failure_counts_from_the_last_success_or_from_when_the_account_came(store: SqlStore) -> None:
    failed = VisitReport(problem="no route", failed=True)
    await store.registry.save_specs([registered("acme/bob")], NOW)
    await visited(store, "acme/bob", VisitReport(), NOW + 50)
    assert (await totals(store)).failing_since is None
    await visited(store, "acme/bob", failed, NOW + 60)
    assert (await totals(store)).failing_since == NOW + 50
    await store.registry.save_specs([registered("acme/eve")], NOW + 20)
    await visited(store, "acme/eve", failed, NOW + 60)
    assert (await totals(store)).failing_since == NOW + 20


async def test_the_tenants_with_most_failing_accounts_are_named_and_no_more_than_asked(
    store: SqlStore,
) -> None:
    names = ["acme/a", "acme/b", "beta/a", "beta/off", "coal/a", "zeta/a", "zeta/b", "zeta/c", "zeta/well"]
    await store.registry.save_specs([registered(name) for name in names], NOW)
    for name in names:
        await visited(store, name, VisitReport(problem="no route", failed=not name.endswith("well")))
    await store.registry.save_specs([registered("beta/off", enabled=False)], NOW)
    assert [*(await totals(store, tenants=3)).failing.items()] == [("zeta", 3), ("acme", 2), ("beta", 1)]


async def test_mail_of_accounts_not_in_the_registry_is_counted_by_where_it_is(lives: Lives) -> None:
    await lives.fetched("uid 1")
    await lives.routed("uid 2")
    await lives.fetch(mail("uid 3", blob="blob 3")._replace(spooled=True))
    early = await lives.routed("uid 4", blob="blob 4")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {early: "taken away"}, lives.now)
    maintenance, operator = lives.store.maintenance, lives.store.operator
    assert await maintenance.unregistered_mail() == UnregisteredMail(1, 2, 2, (ACCOUNT,))
    assert await maintenance.left_behind_count() == 0
    assert await operator.unregistered_accounts(10) == [UnregisteredAccount(ACCOUNT, 2, 2, 0)]
    await lives.store.registry.save_specs([registered(ACCOUNT)], lives.now)
    assert await maintenance.unregistered_mail() == UnregisteredMail()
    assert await operator.unregistered_accounts(10) == []


async def test_mail_that_is_done_or_lost_does_not_count_and_parked_mail_is_told_apart(lives: Lives) -> None:
    done = await lives.routed("uid 1")
    await lives.deliver(done)
    lost = await lives.routed("uid 3")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {lost: "taken away"}, lives.now)
    maintenance, operator = lives.store.maintenance, lives.store.operator
    assert await operator.unregistered_accounts(10) == []
    await lives.park(await lives.routed("uid 2"))
    assert await maintenance.unregistered_mail() == UnregisteredMail()
    assert await operator.unregistered_accounts(10) == [UnregisteredAccount(ACCOUNT, 0, 0, 1)]
    assert await maintenance.left_behind_count() == len(await operator.left_behind(10)) == 1


async def test_the_oldest_mail_that_is_deferred_or_held_here_is_told_until_it_is_done(lives: Lives) -> None:
    oldest = lives.store.maintenance.oldest_unsettled
    began = lives.now
    await lives.fetched("uid 1")
    assert await oldest() is None, "its fetcher knows it"
    [held] = await lives.fetch(mail("uid 3", blob="blob 3")._replace(spooled=True))
    assert await oldest() == began
    lives.now = began + 10
    message = await lives.routed("uid 2")
    [begun] = await lives.begin(message)
    deferred = outcome(begun, RecipientStatus.DEFERRED, lives.now + 60)
    await lives.end(message, deferred, attempt=begun.attempt)
    assert await oldest() == began
    await lives.route(routed(held, BOB, identity="another"))
    await lives.deliver(held)
    assert await oldest() == began + 10
    lives.now += 60
    await lives.deliver(message)
    assert await oldest() is None


async def test_a_removed_account_is_in_the_registry_and_listed_until_its_mail_is_done(lives: Lives) -> None:
    await lives.store.registry.save_specs([registered(ACCOUNT)], lives.now)
    message = await lives.routed("uid 1")
    await lives.store.registry.remove_specs(Kind.ACCOUNT, {ACCOUNT: ANY}, lives.now)
    assert await lives.store.maintenance.unregistered_mail() == UnregisteredMail()
    listed = await lives.store.operator.unregistered_accounts(10)
    assert listed == [UnregisteredAccount(ACCOUNT, 1, 0, 0, removed_at=lives.now)]
    await lives.deliver(message)
    assert await lives.store.operator.unregistered_accounts(10) == []


async def test_no_more_accounts_are_listed_than_asked(store: SqlStore) -> None:
    for number in range(4):
        lives = Lives(store)
        await lives.lease(account=f"acme/{number}")
        await lives.fetched(f"uid {number}")
    found = await store.maintenance.unregistered_mail()
    assert (found.accounts, found.at_source, found.named[0]) == (4, 4, "acme/0")
    assert [each.account for each in await store.operator.unregistered_accounts(2)] == ["acme/0", "acme/1"]
