"""Metrics report accounts that work and those that do not, and mail of accounts that are not configured."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

from prometheus_client import CollectorRegistry

from services.fetcher.maintenance.account_monitor import CUSTODY_EVERY, INTERVAL, MOST_TENANTS, AccountMonitor
from shared.ports.store import AccountSummary, CustodySummary, MaintenanceStore, StoreUnavailable
from shared.runtime.metrics import Metrics
from tests.fakes.clock import ManualClock

CLOCK = ManualClock()
NOW = CLOCK.now()


def standing(account: str, *, failing: bool = False, succeeded_at: float | None = NOW) -> AccountSummary:
    return AccountSummary(account, True, False, failing, failing, None, NOW + 1e6, NOW, succeeded_at)


class Books:
    """The summaries of a `MaintenanceStore`, as they were given."""

    def __init__(
        self, *standings: AccountSummary, custody: Mapping[str, CustodySummary] | None = None
    ) -> None:
        self.summaries: list[AccountSummary] = list(standings)
        self.custody = custody or {}
        self.asked: list[Sequence[str]] = []
        self.away = False
        self.lost = 0

    async def account_summaries(self) -> Sequence[AccountSummary]:
        if self.away:
            raise StoreUnavailable("the database is away")
        return self.summaries

    async def custody_summaries(self, accounts: Sequence[str]) -> Mapping[str, CustodySummary]:
        self.asked.append(accounts)
        return {each: self.custody[each] for each in accounts if each in self.custody}

    async def left_behind_count(self) -> int:
        return self.lost


class Monitored:
    """The monitor of some accounts, and what its metrics say."""

    def __init__(self, books: Books, *accounts: str) -> None:
        self.metrics = Metrics(CollectorRegistry(), "1.0")
        self.clock = ManualClock()
        self.books = books
        self.register(*accounts)
        self.monitor = AccountMonitor(cast(MaintenanceStore, books), self.clock, self.metrics)

    def register(self, *accounts: str) -> None:
        """Have only these accounts in the registry."""
        self.books.summaries = [
            each._replace(registered=each.account in accounts) for each in self.books.summaries
        ]

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"mailferry_{name}", labels)


def reported_tenants(monitored: Monitored) -> set[str]:
    (family,) = monitored.metrics.tenant_failing.collect()
    return {sample.labels["tenant"] for sample in family.samples}


async def test_accounts_are_counted_by_state_also_where_there_are_none() -> None:
    monitored = Monitored(
        Books(standing("acme/bob"), standing("acme/eve", failing=True)), "acme/bob", "acme/eve"
    )
    await monitored.monitor.update()
    assert monitored.value("accounts", state="working") == 1
    assert monitored.value("accounts", state="failing") == 1
    assert monitored.value("accounts", state="paused") == 0
    assert monitored.value("tenant_accounts_failing", tenant="acme") == 1


async def test_a_tenant_whose_accounts_work_again_is_told_no_more() -> None:
    books = Books(standing("acme/eve", failing=True))
    monitored = Monitored(books, "acme/eve")
    await monitored.monitor.update()
    books.summaries = [standing("acme/eve")]
    await monitored.monitor.update()
    assert monitored.value("tenant_accounts_failing", tenant="acme") is None
    assert monitored.value("accounts_failing_oldest_seconds") == 0


async def test_no_more_tenants_are_told_than_a_monitoring_system_bears() -> None:
    names = [f"tenant{number}/box" for number in range(MOST_TENANTS + 20)]
    monitored = Monitored(Books(*[standing(name, failing=True) for name in names]), *names)
    await monitored.monitor.update()
    assert len(reported_tenants(monitored)) == MOST_TENANTS


async def test_the_tenants_that_are_told_are_those_with_most_failing_accounts() -> None:
    names = [f"tenant{number}/box" for number in range(MOST_TENANTS)] + ["zeta/one", "zeta/two"]
    monitored = Monitored(Books(*[standing(name, failing=True) for name in names]), *names)
    await monitored.monitor.update()
    assert "zeta" in reported_tenants(monitored)


async def test_the_same_tenants_are_told_in_whatever_order_the_database_names_their_accounts() -> None:
    """Each look would begin other series else, where many have the same number."""
    names = [f"tenant{number}/box" for number in range(MOST_TENANTS + 20)]
    books = Books(*[standing(name, failing=True) for name in names])
    monitored = Monitored(books, *names)
    await monitored.monitor.update()
    before = reported_tenants(monitored)
    books.summaries.reverse()
    await monitored.monitor.update()
    assert reported_tenants(monitored) == before


async def test_an_account_that_never_succeeded_fails_since_it_was_first_seen_to() -> None:
    monitored = Monitored(Books(standing("acme/eve", failing=True, succeeded_at=None)), "acme/eve")
    await monitored.monitor.update()
    await monitored.clock.advance(500)
    await monitored.monitor.update()
    assert monitored.value("accounts_failing_oldest_seconds") == 500


async def test_mail_of_accounts_that_are_not_named_is_told_until_it_is_done() -> None:
    books = Books(standing("acme/bob"), standing("acme/old"), custody={"acme/old": CustodySummary(3, 1)})
    monitored = Monitored(books, "acme/bob")
    await monitored.monitor.update()
    assert monitored.value("unnamed_accounts_mails", held="source") == 3
    assert monitored.value("unnamed_accounts_mails", held="here") == 1
    assert "4 mails (1 held here alone) of 1 account" in str(monitored.monitor.remark())
    books.custody = {}
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


async def test_mails_are_counted_again_when_other_accounts_are_registered_and_else_seldom() -> None:
    books = Books(standing("acme/bob"), standing("acme/old"))
    monitored = Monitored(books, "acme/bob")
    await monitored.monitor.update()
    await monitored.monitor.update()
    monitored.register("acme/old")
    await monitored.monitor.update()
    assert books.asked == [["acme/old"], ["acme/bob"]]


async def test_a_database_that_is_away_leaves_what_was_told_and_is_asked_again() -> None:
    books = Books(standing("acme/bob"))
    monitored = Monitored(books, "acme/bob")
    books.away = True
    run = asyncio.create_task(monitored.monitor.run())
    await monitored.clock.somebody_sleeps()
    assert monitored.value("accounts", state="working") is None
    books.away = False
    await monitored.clock.advance(INTERVAL)
    assert monitored.value("accounts", state="working") == 1
    run.cancel()
