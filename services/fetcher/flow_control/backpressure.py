"""Reasons to fetch nothing for now: a target that cannot be reached, a full disk, no memory left.

A mail that cannot go on is better left in its mailbox, which is durable, than fetched. Visits are answered
from memory; outages and the blob store are looked up now and then, for all accounts.
"""

from __future__ import annotations

import asyncio

import structlog

from services.fetcher.flow_control.memory_budget import MemoryBudget
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Outage

OUTAGES_EVERY = 2.0
"""Seconds between two looks at the outages that relays report."""
CHECK_EVERY = 30.0
CHECK_UNUSABLE_EVERY = 5.0
"""Seconds between two checks of the blob store, while it can be used and while it cannot."""

log = structlog.get_logger("mailferry.fetcher")


class Backpressure:
    """Knows the outages that relays report, whether blobs can be written, and how much memory is left."""

    def __init__(self, outages: FetcherStore, blobs: Blobs, clock: Clock, memory: MemoryBudget) -> None:
        self._store = outages
        self._memory = memory
        self._blobs = blobs
        self._clock = clock
        self._outages: dict[str, Outage] = {}
        self._blob_problem: str | None = None

    def reason(self, account: Account) -> str | None:
        """Return why nothing should be fetched for `account` now, as a sentence; None where it may."""
        outage = self._outages.get(account.target)
        if outage is not None and outage.until > self._clock.now():
            return f"target {account.target} is out of reach, its mail is left where it is: {outage.reason}"
        return self.remark() or self._memory.reason(account.tenant)

    def remark(self) -> str | None:
        """Return why nothing is fetched for any account; None where that is not so."""
        return f"nothing is fetched while {self._blob_problem}" if self._blob_problem else None

    async def run(self) -> None:
        """Look up the outages and check the blob store, until cancelled."""
        await asyncio.gather(self._watch_outages(), self._check_blobs())

    async def _watch_outages(self) -> None:
        """While the database is away, the outages known last hold until they would end by themselves."""
        while True:
            try:
                found = await self._store.outages(self._clock.now())
                self._outages = {each.target: each for each in found}
            except MailferryError as error:
                log.debug("outages not read", error=error)
            await self._clock.sleep(OUTAGES_EVERY)

    async def _check_blobs(self) -> None:
        while True:
            before = self._blob_problem
            try:
                await self._blobs.check()
                self._blob_problem = None
            except MailferryError as error:
                self._blob_problem = str(error)
                if before is None:
                    log.warning("nothing is fetched for now", error=error)
            await self._clock.sleep(CHECK_UNUSABLE_EVERY if self._blob_problem else CHECK_EVERY)
