"""Operators get pages of accounts with problems first, and the counts of the accounts on a page."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from shared.adapters.sql import account_pages
from shared.adapters.sql.store import SqlStore
from shared.model.account_condition import OVERDUE, WORST_FIRST, AccountCondition, Colour
from shared.model.spec import Kind, Manager
from shared.operations.status_colour import account_status, pause_of
from shared.ports.store import (
    ANY,
    AccountCounts,
    AccountQuery,
    Release,
    Schedule,
    SpecChange,
    VisitReport,
)
from tests.fakes.mail_lives import ACCOUNT, BOB, EVE, LEASE, Lives

NOW = 1000.0
ALL = AccountQuery()
LATE = NOW + OVERDUE + 10


def registered(name: str, *, enabled: bool = True) -> SpecChange:
    schedule = Schedule(name, 60.0, enabled, "pop.isp.example")
    return SpecChange(
        Kind.ACCOUNT,
        name,
        name.partition("/")[0],
        {"mailbox": "single"},
        enabled,
        Manager.FILE,
        "/etc/m.toml",
        ANY,
        "exchange",
        schedule,
    )


async def visited(store: SqlStore, name: str, report: VisitReport, due_at: float) -> None:
    [lease] = await store.fetcher.lease_these("me", [name], NOW, NOW + 60)
    await store.fetcher.release_leases([Release(lease.fence, report, NOW, due_at)])


async def some_of_each(store: SqlStore) -> None:
    """Accounts in every combination of what makes their condition."""
    reports = [
        None,
        VisitReport(),
        VisitReport(problem="a mail was left"),
        VisitReport(problem="no", failed=True),
    ]
    combined = list(product(enumerate(reports), (True, False), (True, False), (NOW, LATE + 60)))
    for (kind, report), enabled, paused, due_at in combined:
        name = f"acme/{kind}-{enabled}-{paused}-{due_at:.0f}"
        await store.registry.save_specs([registered(name)], NOW)
        if report is not None:
            await visited(store, name, report, due_at)
        if paused:
            await store.operator.pause_scope(name, NOW)
        if not enabled:
            await store.registry.save_specs([registered(name, enabled=False)], NOW)


async def test_the_colours_are_those_that_the_status_shows_and_the_worst_come_first(store: SqlStore) -> None:
    await some_of_each(store)
    page = await store.operator.account_page(ALL, LATE)
    pauses = await store.operator.pauses()
    shown = [
        account_status(
            each.state, enabled=each.enabled, parked=0, now=LATE, pause=pause_of(each.account, pauses)
        ).colour
        for each in page.accounts
    ]
    assert [each.colour for each in page.accounts] == shown
    places = [(WORST_FIRST.index(each.colour), each.account) for each in page.accounts]
    assert places == sorted(places)
    assert {*shown} == {*Colour}
    assert sum(page.counts.values()) == len(page.accounts) == 32
    for colour in Colour:
        counted = sum(number for (each, _), number in page.counts.items() if each is colour)
        assert counted == shown.count(colour)


async def test_parked_and_lost_mail_makes_an_account_yellow_that_was_visited(lives: Lives) -> None:
    await lives.store.registry.save_specs([registered(ACCOUNT), registered("acme/lost")], lives.now)
    other = Lives(lives.store)
    await other.lease(account="acme/lost")
    message = await other.routed("uid of the other")
    other.now += LEASE
    await other.store.fetcher.record_gone(other.fence, {message: "taken away"}, other.now)
    await lives.park(await lives.routed("uid 1"))
    later = other.now + 60
    page = await lives.store.operator.account_page(ALL, lives.now)
    assert {each.colour for each in page.accounts} == {Colour.WHITE}
    releases = [Release(each.fence, VisitReport(), lives.now, later + 60) for each in (lives, other)]
    await lives.store.fetcher.release_leases(releases)
    page = await lives.store.operator.account_page(ALL, later)
    assert page.counts == {(Colour.YELLOW, AccountCondition.WORKING): 2}


async def test_many_accounts_are_counted_as_few_are(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await some_of_each(store)
    await store.registry.save_specs([registered("other/new"), registered("acme/gone")], NOW)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/gone": ANY}, NOW)
    queries = [ALL, AccountQuery(tenants=("acme",)), AccountQuery(text="true"), AccountQuery(text="e")]
    few = [await store.operator.account_page(query, LATE) for query in queries]
    monkeypatch.setattr(account_pages, "FEW", 0)
    monkeypatch.setattr(account_pages, "ACCOUNTS_PER_STATEMENT", 3)
    assert [await store.operator.account_page(query, LATE) for query in queries] == few
    assert sum(few[0].counts.values()) == 33


@pytest.mark.parametrize("few", [0, 500])
async def test_the_colours_of_several_tenants_are_those_of_each(
    store: SqlStore, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_pages, "FEW", few)
    await some_of_each(store)
    await store.registry.save_specs([registered("other/new")], NOW)
    found = await store.operator.tenant_colours(["acme", "other", "nobody"], LATE)
    assert found["other"] == {Colour.WHITE: 1}
    assert found["nobody"] == {}
    page = await store.operator.account_page(AccountQuery(tenants=("acme",)), LATE)
    assert found["acme"] == Counter(each.colour for each in page.accounts)


async def test_a_page_has_the_accounts_that_were_asked_for(store: SqlStore) -> None:
    names = ["acme/a", "acme/b", "acme2/a", "zeta/a"]
    await store.registry.save_specs([registered(name) for name in [*names, "acme/gone"]], NOW)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/gone": ANY}, NOW)
    await visited(store, "acme/b", VisitReport(problem="no route", failed=True), LATE)

    async def listed(query: AccountQuery) -> tuple[list[str], int]:
        page = await store.operator.account_page(query, NOW)
        return [each.account for each in page.accounts], sum(page.counts.values())

    assert await listed(ALL) == (["acme/b", "acme/a", "acme2/a", "zeta/a"], 4)
    assert await listed(AccountQuery(limit=2)) == (["acme/b", "acme/a"], 4)
    assert await listed(AccountQuery(tenants=("acme",))) == (["acme/b", "acme/a"], 2)
    assert await listed(AccountQuery(("zeta/a", "acme/gone", "x/y"), ("acme",), failing=True)) == (
        ["acme/b"],
        3,
    )
    assert await listed(AccountQuery(tenants=("nobody",))) == ([], 0)


async def test_pages_follow_one_another_by_colour_and_name(store: SqlStore) -> None:
    await some_of_each(store)
    whole = [each.account for each in (await store.operator.account_page(ALL, LATE)).accounts]
    names: list[str] = []
    after: tuple[Colour, str] | None = None
    while page := (await store.operator.account_page(AccountQuery(limit=5, after=after), LATE)).accounts:
        names += [each.account for each in page]
        after = page[-1].colour, page[-1].account
    assert names == whole


async def test_accounts_are_found_by_colour_and_by_a_part_of_their_names(store: SqlStore) -> None:
    await some_of_each(store)
    await store.registry.save_specs([registered("acme/under_score"), registered("acme/Upper")], NOW)
    red = await store.operator.account_page(AccountQuery(colours=(Colour.RED,)), LATE)
    assert {each.condition for each in red.accounts} == {AccountCondition.FAILING}
    assert sum(red.counts.values()) == 34

    async def found(text: str) -> list[str]:
        page = await store.operator.account_page(AccountQuery(text=text), LATE)
        return [each.account for each in page.accounts]

    assert await found("upp") == ["acme/Upper"]
    assert await found("r_s") == ["acme/under_score"]
    assert await found("%") == []


async def test_an_account_is_due_at_once_where_that_is_asked_for(store: SqlStore) -> None:
    await store.registry.save_specs([registered("acme/a")], NOW)
    await visited(store, "acme/a", VisitReport(), LATE)
    await store.operator.make_due(["acme/a", "acme/none"], NOW + 1)
    [listed] = (await store.operator.account_page(ALL, NOW + 1)).accounts
    assert listed.state is not None
    assert listed.state.due_at == NOW + 1


async def test_mails_on_their_way_and_parked_recipients_are_counted_by_tenant(lives: Lives) -> None:
    await lives.routed("uid 1")
    await lives.park(await lives.routed("uid 2", BOB, EVE))
    await lives.settled("uid 3")
    store = lives.store.operator
    assert await store.mail_totals() == await store.mail_totals("acme") == (2, 1)
    assert await store.mail_totals("other") == (0, 0)


async def test_an_account_comes_with_its_settings_and_its_state(store: SqlStore) -> None:
    await store.registry.save_specs([registered("acme/a")], NOW)
    (found,) = (await store.operator.account_page(ALL, NOW)).accounts
    assert (found.keys, found.managed_by, found.origin) == (
        {"mailbox": "single"},
        Manager.FILE,
        "/etc/m.toml",
    )
    assert [found.state] == [*(await store.operator.account_states())]


async def test_the_mails_and_recipients_of_the_accounts_on_a_page_are_counted(lives: Lives) -> None:
    await lives.fetched("uid 1")
    await lives.routed("uid 2")
    await lives.deliver(await lives.routed("uid 3", BOB, EVE, identity="one"))
    await lives.routed("uid 4", BOB, EVE, identity="one")
    await lives.park(await lives.routed("uid 5"))
    lost = await lives.routed("uid 6")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {lost: "taken away"}, lives.now)
    many = [f"acme/{number}" for number in range(1200)]
    counts = await lives.store.operator.account_counts([*many, ACCOUNT])
    assert counts[ACCOUNT] == AccountCounts(in_flight=2, settled=3, lost=1, suppressed=2, parked=1)
    assert counts["acme/7"] == AccountCounts()
    assert await lives.store.operator.account_counts([]) == {}


async def test_the_accounts_of_scopes_are_those_with_a_schedule_not_removed(
    store: SqlStore,
) -> None:
    names = ["acme/a", "acme/gone", "acme2/a", "zeta/a"]
    await store.registry.save_specs([registered(name) for name in names], NOW)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/gone": ANY}, NOW)
    operator = store.operator
    assert await operator.scheduled_accounts(["*"]) == ["acme/a", "acme2/a", "zeta/a"]
    assert await operator.scheduled_accounts(["acme/", "zeta/a", "zeta/b"]) == ["acme/a", "zeta/a"]
    assert await operator.scheduled_accounts(["zeta/b"]) == []
