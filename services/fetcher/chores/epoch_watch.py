"""Compares the database with its witness, at the start and then now and again, and says whether deletion may
go on.

Until the first comparison, and while one is not possible, nothing is deleted: that only costs time.
"""

from __future__ import annotations

import structlog

from shared.model.errors import MailferryError
from shared.ops.checkpoints import reached
from shared.ops.witness import INTERVAL, keep_witness, pause_sentence, read_witness, went_back
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import Epochs

log = structlog.get_logger("mailferry.fetcher")


class EpochWatch:
    """`mark` is the latest mark that this process has seen."""

    def __init__(self, epochs: Epochs, blobs: Blobs, clock: Clock) -> None:
        self._epochs = epochs
        self._blobs = blobs
        self._clock = clock
        self._problem: str | None = "nothing is deleted before the database was compared with its witness"
        self.mark = 0

    def problem(self) -> str | None:
        """Why nothing may be deleted at any source, as a sentence; None where it may."""
        return self._problem

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Compare, and advance the mark where nothing is wrong."""
        before = self._problem
        try:
            self._problem = await self._compared()
        except MailferryError as error:
            self._problem = (
                f"nothing is deleted while the database cannot be compared with its witness: {error}"
            )
        if self._problem is not None and self._problem != before:
            log.warning("deletion waits", problem=self._problem)

    async def _compared(self) -> str | None:
        """The witness is read first: others may advance the mark meanwhile."""
        witness = await read_witness(self._blobs)
        epoch = await self._epochs.epoch()
        reason = went_back(epoch, witness, self.mark)
        if reason is not None:
            epoch = await self._epochs.pause_deletion(reason, self._clock.now())
        elif epoch.paused_since is None:
            epoch = await self._epochs.advance_mark()
            reached("fetcher.mark-advanced")
        if epoch.paused_since is not None:
            return pause_sentence(epoch)
        await keep_witness(self._blobs, epoch)
        self.mark = epoch.mark
        return None
