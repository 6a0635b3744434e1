"""Forgets mails that left their source long ago, in small steps with rests between them, so that the work
of the day is not in the way of it, nor it in theirs.
"""

from __future__ import annotations

import structlog

from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.checkpoints import reached

PASS_EVERY = 3600.0
STEP = 100
REST = 20.0
"""How many times as long as a step took the next one waits."""
SHORTEST_REST = 0.05

log = structlog.get_logger("mailferry.fetcher")


class Pruner:
    """`keep` is how long what is gone is remembered, in seconds."""

    def __init__(self, pruning: MaintenanceStore, blobs: Blobs, clock: Clock, keep: float) -> None:
        self._pruning = pruning
        self._blobs = blobs
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """One pass after the other, until cancelled."""
        while True:
            try:
                await self.prune_all()
            except MailferryError as error:
                log.warning("nothing forgotten", error=error)
            await self._clock.sleep(PASS_EVERY)

    async def prune_all(self) -> int:
        """One pass over all messages; returns how many were forgotten."""
        after: str | None = ""
        count = 0
        while after is not None:
            begun = self._clock.monotonic()
            step = await self._pruning.prune_messages(after, self._clock.now() - self._keep, STEP)
            reached("fetcher.pruned")
            for blob in step.blobs:
                await self._blobs.delete(blob)
            after, count = step.last, count + step.messages
            await self._clock.sleep(max(SHORTEST_REST, REST * (self._clock.monotonic() - begun)))
        if count:
            log.info("mails that are long gone were forgotten", count=count)
        return count
