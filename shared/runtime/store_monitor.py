"""Checks every few seconds whether the store works: for readiness, metrics and the log."""

from __future__ import annotations

import asyncio

import structlog

from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import Store
from shared.runtime.metrics import Metrics

CHECK_INTERVAL = 5.0
"""Seconds between a check and the next."""
STALE_AFTER = 15.0
"""Seconds after which the last answer is too old: three checks. A store that hangs answers only at its
deadline, and `/readyz` has to show it sooner."""
LOG_INTERVAL = 1.0
"""Seconds between two looks at the state, to log changes."""
NOT_CHECKED = "not checked yet"

log = structlog.get_logger("mailferry.store")


class StoreMonitor:
    """The current state of the store."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store, self._clock, self._metrics = store, clock, metrics
        self._problem: str | None = NOT_CHECKED
        self._answered_at = clock.monotonic()
        self._logged: str | None = None
        metrics.store_up.set_function(lambda: float(self.problem() is None))

    def problem(self) -> str | None:
        """Return why the store cannot be used, as a sentence; None if it can."""
        age = self._clock.monotonic() - self._answered_at
        return f"the database has not answered for {age:.0f} s" if age > STALE_AFTER else self._problem

    async def run(self) -> None:
        """Check until cancelled. Log each outage when it begins and when it ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._check_regularly())
            group.create_task(self._log_changes())

    async def _check_regularly(self) -> None:
        while True:
            await self._check()
            await self._clock.sleep(CHECK_INTERVAL)

    async def _log_changes(self) -> None:
        while True:
            self._log(self.problem())
            await self._clock.sleep(LOG_INTERVAL)

    async def _check(self) -> None:
        try:
            await self._store.check(writing=True)
            await self._measure_parked()
        except MailferryError as error:
            self._problem = str(error)
        else:
            self._problem = None
        self._answered_at = self._clock.monotonic()

    async def _measure_parked(self) -> None:
        parked, octets = await self._store.operator.parked_totals()
        oldest = await self._store.operator.parked_recipients(1) if parked else ()
        self._metrics.parked.set(parked)
        self._metrics.parked_bytes.set(octets)
        self._metrics.parked_oldest.set(max(0.0, self._clock.now() - oldest[0].parked_at) if oldest else 0)

    def _log(self, problem: str | None) -> None:
        if problem == NOT_CHECKED:
            return
        if problem is not None and self._logged is None:
            log.error("the database cannot be used", problem=problem)
        elif problem is None and self._logged is not None:
            log.info("the database can be used again", problem=self._logged)
        self._logged = problem
