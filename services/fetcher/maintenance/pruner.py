"""Deletes the records of mails that left their source long ago, in small steps with pauses between them, so
that other work is not held up.
"""

from __future__ import annotations

import structlog

from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.checkpoints import reached

PASS_EVERY = 3600.0
STEP_MAILS = 100
PAUSE_FACTOR = 20.0
"""The pause after a step is so many times as long as the step took."""
SHORTEST_PAUSE = 0.05

log = structlog.get_logger("mailferry.fetcher")


class Pruner:
    """`keep`: seconds for which a mail that is gone is remembered."""

    def __init__(self, pruning: MaintenanceStore, blobs: Blobs, clock: Clock, keep: float) -> None:
        self._pruning = pruning
        self._blobs = blobs
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Prune now and then, until cancelled."""
        while True:
            try:
                await self.prune_all()
            except MailferryError as error:
                log.warning("records not pruned", error=error)
            await self._clock.sleep(PASS_EVERY)

    async def prune_all(self) -> int:
        """Prune all that is due, and return how many mails were forgotten."""
        after: str | None = ""
        count = 0
        while after is not None:
            begun = self._clock.monotonic()
            step = await self._pruning.prune_messages(after, self._clock.now() - self._keep, STEP_MAILS)
            reached("fetcher.pruned")
            for blob in step.blobs:
                await self._blobs.delete(blob)
            after, count = step.last, count + step.messages
            await self._clock.sleep(max(SHORTEST_PAUSE, PAUSE_FACTOR * (self._clock.monotonic() - begun)))
        if count:
            log.info("records of old mails pruned", count=count)
        return count
