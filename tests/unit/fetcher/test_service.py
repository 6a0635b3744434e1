from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.scheduler.concurrency import Concurrency
from services.fetcher.scheduler.single_pass import BROKER_CHECK_EVERY, BROKER_PATIENCE
from services.fetcher.service import Fetcher
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import topology
from shared.model.account import Account
from shared.model.hosts import HostLimits
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Lease, Schedule, StoreUnavailable
from shared.runtime.stop import Stop
from tests.fakes.clock import ManualClock
from tests.fakes.late_broker import AWAY, LateBroker


class Leases:
    """No account is ever due, and `asked` is set when one was wanted; the schedule is taken except while
    the database is `away`.
    """

    def __init__(self) -> None:
        self.away = False
        self.asked = asyncio.Event()
        self.refused = asyncio.Event()
        self.scheduled: asyncio.Queue[int] = asyncio.Queue()

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        if self.away:
            self.refused.set()
            raise StoreUnavailable("the database is away")
        self.scheduled.put_nowait(len(schedules))

    async def lease_due(
        self, owner: str, now: float, until: float, limit: int, hosts: HostLimits, tenants: object = None
    ) -> Sequence[Lease]:
        self.asked.set()
        return []

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float
    ) -> Sequence[Lease]:
        self.asked.set()
        return []

    async def next_due(self, now: float, hosts: HostLimits) -> float | None:
        return None


def made(leases: Leases, broker: MemoryBroker, clock: Clock, maintenance: Any = None) -> Fetcher:
    visitor: Any = SimpleNamespace(
        name="fetcher",
        ports=SimpleNamespace(clock=clock, backpressure=None),
        metrics=None,
        board=SettlementTracker(clock),
    )
    no_accounts: Any = SimpleNamespace(accounts={})
    return Fetcher(
        no_accounts, cast(FetcherStore, leases), broker, visitor, lambda _: Concurrency(1, 60.0), maintenance
    )


async def test_accounts_of_a_new_configuration_are_scheduled_though_the_database_is_away_at_first() -> None:
    leases, clock, stop = Leases(), SystemClock(), Stop()
    fetcher = made(leases, MemoryBroker(topology([60]), ManualClock()), clock)
    running = asyncio.create_task(fetcher.run(stop))
    async with asyncio.timeout(60):
        await leases.scheduled.get()
        leases.away = True
        await fetcher.reload(SimpleNamespace(accounts={}))  # type: ignore[arg-type]  # only this part is used
        await leases.refused.wait()
        leases.away = False
        assert await leases.scheduled.get() == 0
    stop.request("the test is over")
    await running


async def test_a_configuration_that_comes_while_accounts_are_scheduled_is_not_overlooked() -> None:
    leases, clock, stop = Leases(), SystemClock(), Stop()
    fetcher = made(leases, MemoryBroker(topology([60]), ManualClock()), clock)
    schedule = leases.sync_accounts
    may_end = asyncio.Event()

    async def slowly(schedules: Sequence[Schedule], now: float) -> None:
        await schedule(schedules, now)
        await may_end.wait()

    leases.sync_accounts = slowly  # type: ignore[method-assign]  # a database that takes its time
    running = asyncio.create_task(fetcher.run(stop))
    async with asyncio.timeout(60):
        await leases.scheduled.get()
        await fetcher.reload(SimpleNamespace(accounts={}))  # type: ignore[arg-type]  # only this part is used
        may_end.set()
        assert await leases.scheduled.get() == 0
    stop.request("the test is over")
    await running


async def test_a_new_configuration_reaches_those_who_look_at_all_accounts() -> None:
    """Its new accounts would count as unnamed, and their spooled mail go without their rules."""
    maintenance = SimpleNamespace(
        republisher=SimpleNamespace(accounts=None), account_monitor=SimpleNamespace(accounts=None)
    )
    fetcher = made(Leases(), MemoryBroker(topology([60]), ManualClock()), SystemClock(), maintenance)
    accounts: dict[str, Account] = {}
    await fetcher.reload(SimpleNamespace(accounts=accounts))  # type: ignore[arg-type]  # only this part is used
    assert maintenance.account_monitor.accounts is accounts
    assert maintenance.republisher.accounts is accounts


async def test_no_account_is_leased_before_the_broker_has_come_and_hints_arrive() -> None:
    leases, clock, stop = Leases(), SystemClock(), Stop()
    broker = LateBroker(topology([60]), ManualClock())
    fetcher = made(leases, broker, clock)
    running = asyncio.create_task(fetcher.run(stop))
    async with asyncio.timeout(60):
        assert await leases.scheduled.get() == 0
        assert (fetcher.problem(), leases.asked.is_set()) == (f"no visit is begun while {AWAY}", False)
        broker.here = True
        assert (fetcher.problem(), leases.asked.is_set()) == ("no visit is begun before hints arrive", False)
        broker.hints.set()
        await leases.asked.wait()
        assert fetcher.problem() is None
        broker.here = False
        assert fetcher.problem() == f"no visit is begun while {AWAY}"
        stop.request("the test is over")
        await running


async def test_a_fetcher_that_waits_for_its_broker_stops_at_once() -> None:
    leases, clock, stop = Leases(), SystemClock(), Stop()
    running = asyncio.create_task(made(leases, LateBroker(topology([60]), ManualClock()), clock).run(stop))
    async with asyncio.timeout(60):
        await leases.scheduled.get()
        stop.request("the test is over")
        await running
    assert not leases.asked.is_set()


async def test_a_single_pass_waits_for_the_broker_and_for_hints() -> None:
    leases, clock = Leases(), ManualClock()
    broker = LateBroker(topology([60]), clock)
    visits = asyncio.create_task(made(leases, broker, clock).visit_once(["acme/bob"]))
    async with asyncio.timeout(60):
        await leases.scheduled.get()
        await clock.advance(BROKER_PATIENCE / 2)
        assert not leases.asked.is_set()
        broker.here = True
        broker.hints.set()
        await clock.advance(BROKER_CHECK_EVERY)
        assert await visits == {}
    assert leases.asked.is_set()


async def test_a_single_pass_does_not_wait_for_ever() -> None:
    leases, clock = Leases(), ManualClock()
    visits = asyncio.create_task(made(leases, LateBroker(topology([60]), clock), clock).visit_once(["a/b"]))
    async with asyncio.timeout(60):
        await leases.scheduled.get()
        await clock.advance(BROKER_PATIENCE + 2 * BROKER_CHECK_EVERY)
        assert await visits == {}
    assert leases.asked.is_set()
