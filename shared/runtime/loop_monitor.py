"""Measures how late the event loop is: how long what is due waits for what does not give way."""

from __future__ import annotations

from shared.ports.clock import Clock
from shared.runtime.metrics import Metrics

INTERVAL = 0.5


class LoopMonitor:
    """Wakes up regularly, and notes how much later than it should."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began = self._clock.monotonic()
            await self._clock.sleep(INTERVAL)
            self._metrics.loop_lag.observe(max(0.0, self._clock.monotonic() - began - INTERVAL))
