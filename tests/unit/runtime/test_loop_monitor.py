"""An event loop that is busy shows in the metric."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry
from typing_extensions import override

from shared.runtime.loop_monitor import INTERVAL, LoopMonitor
from shared.runtime.metrics import Metrics
from tests.fakes.clock import ManualClock


class LateClock(ManualClock):
    """Wakes sleepers up later than they asked for."""

    late = 0.0

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self.late)


async def test_how_late_the_event_loop_is_is_counted() -> None:
    clock, metrics = LateClock(), Metrics(CollectorRegistry(), "1.0")
    running = asyncio.ensure_future(LoopMonitor(clock, metrics).run())
    await clock.somebody_sleeps()
    clock.late = 2.0
    await clock.advance(INTERVAL)
    await clock.advance(INTERVAL + 2.0)
    running.cancel()

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"mailferry_event_loop_lag_seconds_{name}", labels)

    assert value("count") == 2
    assert value("bucket", le="0.001") == 1
    assert value("sum") == 2.0
