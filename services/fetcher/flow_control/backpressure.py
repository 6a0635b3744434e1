"""What keeps a fetcher from fetching more: a target out of reach, a full disk, no room in the process.

The mail is better left in its mailbox, which is the durable buffer, than brought to where it cannot go on.
What a visit asks is answered from memory; store and blobs are looked at now and then, for all accounts.
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

LOOK = 2.0
CHECK = 30.0
CHECK_AGAIN = 5.0
"""Seconds between checks of the blob store, while it can be used and while it cannot."""

log = structlog.get_logger("mailferry.fetcher")


class Backpressure:
    """Knows the outages that relays report, whether blobs can be written, and who crowds the process."""

    def __init__(self, outages: FetcherStore, blobs: Blobs, clock: Clock, crowd: MemoryBudget) -> None:
        self._outages = outages
        self._crowd = crowd
        self._blobs = blobs
        self._clock = clock
        self._known: dict[str, Outage] = {}
        self._no_blobs: str | None = None

    def reason(self, account: Account) -> str | None:
        """Why nothing should be fetched for `account` now, as a sentence; None where it may."""
        outage = self._known.get(account.target)
        if outage is not None and outage.until > self._clock.now():
            return f"target {account.target} is out of reach, its mail is left where it is: {outage.reason}"
        return self.remark() or self._crowd.reason(account.tenant)

    def remark(self) -> str | None:
        """Why nothing is fetched for any account; None where that is not so."""
        return f"nothing is fetched while {self._no_blobs}" if self._no_blobs else None

    async def run(self) -> None:
        """Look and check, until cancelled."""
        await asyncio.gather(self._look(), self._check())

    async def _look(self) -> None:
        """A database that is away changes nothing: what it said last holds until it would end by itself."""
        while True:
            try:
                found = await self._outages.outages(self._clock.now())
                self._known = {each.target: each for each in found}
            except MailferryError as error:
                log.debug("outages not looked at", error=error)
            await self._clock.sleep(LOOK)

    async def _check(self) -> None:
        while True:
            before = self._no_blobs
            try:
                await self._blobs.check()
                self._no_blobs = None
            except MailferryError as error:
                self._no_blobs = str(error)
                if before is None:
                    log.warning("nothing is fetched for now", error=error)
            await self._clock.sleep(CHECK_AGAIN if self._no_blobs else CHECK)
