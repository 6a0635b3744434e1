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
from shared.model.hosts import HostLimits
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Lease
from shared.runtime.stop import Stop
from tests.fakes.clock import ManualClock
from tests.fakes.late_broker import AWAY, LateBroker
from tests.fakes.registry import registry_of


class Leases:
    """No account is ever due, and `asked` is set when one was wanted."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def lease_due(
        self, owner: str, now: float, until: float, limit: int, hosts: HostLimits, tenants: object = None
    ) -> Sequence[Lease]:
        self.asked.set()
        return []

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float, *, only_enabled: bool = False
    ) -> Sequence[Lease]:
        self.asked.set()
        return []

    async def next_due(self, now: float, hosts: HostLimits) -> float | None:
        return None


def made(leases: Leases, broker: MemoryBroker, clock: Clock, maintenance: Any = None) -> Fetcher:
    visitor: Any = SimpleNamespace(
        name="fetcher",
        leases=cast(FetcherStore, leases),
        ports=SimpleNamespace(clock=clock, backpressure=None),
        metrics=None,
        board=SettlementTracker(clock),
    )
    nothing: Any = SimpleNamespace()
    registry = registry_of(clock=clock)
    return Fetcher(nothing, registry, broker, visitor, lambda *_: Concurrency(1, 60.0), maintenance)


async def test_no_account_is_leased_before_the_broker_has_come_and_hints_arrive() -> None:
    leases, clock, stop = Leases(), SystemClock(), Stop()
    broker = LateBroker(topology([60]), ManualClock())
    fetcher = made(leases, broker, clock)
    running = asyncio.create_task(fetcher.run(stop))
    async with asyncio.timeout(60):
        await broker.looked_at.wait()
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
    broker = LateBroker(topology([60]), ManualClock())
    running = asyncio.create_task(made(leases, broker, clock).run(stop))
    async with asyncio.timeout(60):
        await broker.looked_at.wait()
        stop.request("the test is over")
        await running
    assert not leases.asked.is_set()


async def test_a_single_pass_waits_for_the_broker_and_for_hints() -> None:
    leases, clock = Leases(), ManualClock()
    broker = LateBroker(topology([60]), clock)
    visits = asyncio.create_task(made(leases, broker, clock).visit_once(["acme/bob"]))
    async with asyncio.timeout(60):
        await broker.looked_at.wait()
        await clock.advance(BROKER_PATIENCE / 2)
        assert not leases.asked.is_set()
        broker.here = True
        broker.hints.set()
        await clock.advance(BROKER_CHECK_EVERY)
        assert await visits == {}
    assert leases.asked.is_set()


async def test_a_single_pass_does_not_wait_for_ever() -> None:
    leases, clock = Leases(), ManualClock()
    broker = LateBroker(topology([60]), clock)
    visits = asyncio.create_task(made(leases, broker, clock).visit_once(["a/b"]))
    async with asyncio.timeout(60):
        await broker.looked_at.wait()
        await clock.advance(BROKER_PATIENCE + 2 * BROKER_CHECK_EVERY)
        assert await visits == {}
    assert leases.asked.is_set()
