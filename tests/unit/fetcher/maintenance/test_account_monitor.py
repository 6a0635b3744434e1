"""Metrics report accounts that work and those that do not, and mail of accounts that are not registered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from prometheus_client import CollectorRegistry

from services.fetcher.maintenance.account_monitor import (
    CUSTODY_EVERY,
    INTERVAL,
    MOST_BUSY,
    MOST_TENANTS,
    AccountMonitor,
)
from shared.model.account_condition import AccountCondition
from shared.ports.store import AccountTotals, MaintenanceStore, StoreUnavailable, UnregisteredMail, day_of
from shared.runtime.metrics import Metrics
from tests.fakes.clock import ManualClock

NOW = ManualClock().now()
NOTHING = UnregisteredMail()
WELL = AccountTotals({AccountCondition.WORKING: 1}, {}, None, revision=1)
FAILING = AccountTotals(
    {AccountCondition.WORKING: 1, AccountCondition.FAILING: 1}, {"acme": 1}, NOW - 500, revision=1
)


class Books:
    """What a `MaintenanceStore` counts, as it was given."""

    def __init__(self, totals: AccountTotals = WELL, custody: UnregisteredMail = NOTHING) -> None:
        self.totals = totals
        self.custody = custody
        self.asked = 0
        self.tenants_asked: set[int] = set()
        self.away = False
        self.lost = 0
        self.unsettled_since: float | None = None
        self.busiest = {"acme": 7}

    async def account_totals(self, now: float, tenants: int) -> AccountTotals:
        if self.away:
            raise StoreUnavailable("the database is away")
        self.tenants_asked.add(tenants)
        return self.totals

    async def unregistered_mail(self) -> UnregisteredMail:
        self.asked += 1
        return self.custody

    async def oldest_unsettled(self) -> float | None:
        return self.unsettled_since

    async def busiest_tenants(self, day: int, limit: int) -> Mapping[str, int]:
        assert (day, limit) == (day_of(NOW), MOST_BUSY)
        return self.busiest

    async def left_behind_count(self) -> int:
        return self.lost


class Monitored:
    """The monitor of some accounts, and what its metrics say."""

    def __init__(self, books: Books) -> None:
        self.metrics = Metrics(CollectorRegistry(), "1.0")
        self.clock = ManualClock()
        self.monitor = AccountMonitor(cast(MaintenanceStore, books), self.clock, self.metrics)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"mailferry_{name}", labels)


async def test_accounts_are_counted_by_state_also_where_there_are_none() -> None:
    monitored = Monitored(books := Books(FAILING))
    await monitored.monitor.update()
    assert monitored.value("accounts", state="working") == 1
    assert monitored.value("accounts", state="failing") == 1
    assert monitored.value("accounts", state="paused") == 0
    assert monitored.value("tenant_accounts_failing", tenant="acme") == 1
    assert monitored.value("accounts_failing_oldest_seconds") == 500
    assert books.tenants_asked == {MOST_TENANTS}


async def test_the_busiest_tenants_of_the_day_and_the_oldest_mail_are_told() -> None:
    monitored = Monitored(books := Books())
    assert monitored.monitor.unsettled_age() == 0
    books.unsettled_since = NOW - 90
    await monitored.monitor.update()
    assert monitored.value("tenant_mails_today", tenant="acme") == 7
    assert monitored.monitor.unsettled_age() == 90
    await monitored.clock.advance(60)
    assert monitored.monitor.unsettled_age() == 150, "it grows older until the next look"


async def test_a_tenant_whose_accounts_work_again_is_told_no_more() -> None:
    books = Books(FAILING)
    monitored = Monitored(books)
    await monitored.monitor.update()
    books.totals = WELL
    await monitored.monitor.update()
    assert monitored.value("accounts", state="failing") == 0
    assert monitored.value("tenant_accounts_failing", tenant="acme") is None
    assert monitored.value("accounts_failing_oldest_seconds") == 0


async def test_mail_of_accounts_that_are_not_named_is_told_until_it_is_done() -> None:
    books = Books(custody=UnregisteredMail(1, 3, 1, ("acme/old",)))
    monitored = Monitored(books)
    await monitored.monitor.update()
    assert monitored.value("unnamed_accounts_mails", held="source") == 3
    assert monitored.value("unnamed_accounts_mails", held="here") == 1
    assert "4 mails (1 held here alone) of 1 account" in str(monitored.monitor.remark())
    books.custody = NOTHING
    for _ in range(CUSTODY_EVERY):
        await monitored.monitor.update()
    assert monitored.monitor.remark() is None
    assert monitored.value("unnamed_accounts_mails", held="here") == 0


async def test_mails_that_their_source_lost_are_told() -> None:
    books = Books()
    books.lost = 2
    monitored = Monitored(books)
    await monitored.monitor.update()
    assert monitored.value("lost_mails") == 2


async def test_mails_are_counted_again_when_the_registry_was_changed_and_else_seldom() -> None:
    books = Books()
    monitored = Monitored(books)
    await monitored.monitor.update()
    await monitored.monitor.update()
    assert books.asked == 1
    books.totals = WELL._replace(revision=2)
    await monitored.monitor.update()
    await monitored.monitor.update()
    assert books.asked == 2


async def test_a_database_that_is_away_leaves_what_was_told_and_is_asked_again() -> None:
    books = Books()
    monitored = Monitored(books)
    books.away = True
    run = asyncio.create_task(monitored.monitor.run())
    await monitored.clock.somebody_sleeps()
    assert monitored.value("accounts", state="working") is None
    books.away = False
    await monitored.clock.advance(INTERVAL)
    assert monitored.value("accounts", state="working") == 1
    run.cancel()
