from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from services.fetcher.hints import HintBoard
from services.fetcher.service import Fetcher, Pace
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import topology
from shared.ops.stopping import Stop
from shared.ports.store import Lease, Schedule, StoreUnavailable
from tests.fakes.clock import ManualClock


class Leases:
    """No account is ever due; the schedule is taken except while the database is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.refused = asyncio.Event()
        self.scheduled: asyncio.Queue[int] = asyncio.Queue()

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        if self.away:
            self.refused.set()
            raise StoreUnavailable("the database is away")
        self.scheduled.put_nowait(len(schedules))

    async def lease_due(self, owner: str, now: float, until: float, limit: int) -> Sequence[Lease]:
        return []

    async def next_due(self) -> float | None:
        return None


async def test_accounts_of_a_new_configuration_are_scheduled_though_the_database_is_away_at_first() -> None:
    leases, clock, stop = Leases(), SystemClock(), Stop()
    visitor: Any = SimpleNamespace(
        name="fetcher", ports=SimpleNamespace(clock=clock), metrics=None, board=HintBoard(clock)
    )
    broker = MemoryBroker(topology([60]), ManualClock())
    fetcher = Fetcher({}, leases, broker, visitor, Pace(1, 60.0))  # type: ignore[arg-type]  # only this part of the leases is used
    running = asyncio.create_task(fetcher.run(stop))
    async with asyncio.timeout(20):
        await leases.scheduled.get()
        leases.away = True
        await fetcher.reload(SimpleNamespace(accounts={}))  # type: ignore[arg-type]  # only this part is used
        await leases.refused.wait()
        leases.away = False
        assert await leases.scheduled.get() == 0
    stop.ask("the test is over")
    await running
