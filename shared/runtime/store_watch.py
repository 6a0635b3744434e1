"""Asks the store again and again whether it can be used: for readiness, metrics and the log."""

from __future__ import annotations

import asyncio

import structlog

from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import Store
from shared.runtime.metrics import Metrics

EVERY = 5.0
"""Seconds from one answer to the next question."""
OLD = 15.0
"""Seconds after which an answer says nothing any more: three questions. A store that hangs gives none before
its deadline, and health has to be told sooner.
"""
LOOK = 1.0
"""Seconds from one look at the age of the answer to the next."""
NOT_ASKED = "not asked yet"

log = structlog.get_logger("mailferry.store")


class StoreWatch:
    """What is known of the store now."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store, self._clock, self._metrics = store, clock, metrics
        self._problem: str | None = NOT_ASKED
        self._answered_at = clock.monotonic()
        self._logged: str | None = None
        metrics.store_up.set_function(lambda: float(self.problem() is None))

    def problem(self) -> str | None:
        """Why the store cannot be used, as a sentence; None where it can."""
        age = self._clock.monotonic() - self._answered_at
        return f"the database has not answered for {age:.0f} s" if age > OLD else self._problem

    async def run(self) -> None:
        """Ask until cancelled. Log each outage when it begins and when it is over."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_again_and_again())
            group.create_task(self._log_changes())

    async def _ask_again_and_again(self) -> None:
        while True:
            await self._ask()
            await self._clock.sleep(EVERY)

    async def _log_changes(self) -> None:
        while True:
            self._log(self.problem())
            await self._clock.sleep(LOOK)

    async def _ask(self) -> None:
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
        if problem == NOT_ASKED:
            return
        if problem is not None and self._logged is None:
            log.error("the database cannot be used", problem=problem)
        elif problem is None and self._logged is not None:
            log.info("the database can be used again", problem=self._logged)
        self._logged = problem
