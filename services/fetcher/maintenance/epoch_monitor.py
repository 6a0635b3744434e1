"""Compares the database with its witness, at the start and then now and again, and says whether deletion may
go on.

Until the first comparison, and while one is not possible, nothing is deleted: that only costs time.

It also notices that a clock was behind, its own or that of another fetcher, see `decide.clocks`: from then on
the days of all copies that stay at their sources are counted anew.
"""

from __future__ import annotations

import structlog

from services.fetcher.decide.clocks import TOLERANCE, Reading, was_behind
from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import Epoch, Epochs
from shared.runtime.backup_marker import (
    INTERVAL,
    pause_sentence,
    read_backup_marker,
    sign_of_restore,
    write_backup_marker,
)
from shared.runtime.checkpoints import reached

log = structlog.get_logger("mailferry.fetcher")


class EpochMonitor:
    """`mark` is the latest mark that this process has seen."""

    def __init__(self, epochs: Epochs, blobs: Blobs, clock: Clock) -> None:
        self._epochs = epochs
        self._blobs = blobs
        self._clock = clock
        self._problem: str | None = "nothing is deleted before the database was compared with its witness"
        self._told: Reading | None = None
        self._copies_since = 0.0
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

    async def copies_since(self) -> float:
        """From when on the days of a copy are counted at the earliest, in seconds since the epoch. Raises
        what the store raises.
        """
        epoch, reading = await self._epochs.epoch(), self._reading()
        self._look_at_clocks(epoch, reading)
        if self._copies_since != epoch.copies_since:
            await self._epochs.advance_mark(reading.date, self._copies_since)
            self._told = reading
        return self._copies_since

    def _reading(self) -> Reading:
        return Reading(self._clock.now(), self._clock.since_boot())

    def _look_at_clocks(self, epoch: Epoch, now: Reading) -> None:
        known = max(self._copies_since, epoch.copies_since)
        # A clock that was ahead may have said so: copies would stay until then.
        self._copies_since = known if known <= now.date + TOLERANCE else now.date
        if not was_behind(self._told, now, epoch.seen_at):
            return
        if now.date > self._copies_since + TOLERANCE:
            log.warning(
                "a clock was behind: the days of copies that stay at their sources are counted from now on",
                date_before=epoch.seen_at,
            )
        self._copies_since = max(self._copies_since, now.date)

    async def _compared(self) -> str | None:
        """The witness is read first: others may advance the mark meanwhile."""
        witness = await read_backup_marker(self._blobs)
        epoch, reading = await self._epochs.epoch(), self._reading()
        self._look_at_clocks(epoch, reading)
        reason = sign_of_restore(epoch, witness, self.mark)
        if reason is not None:
            epoch = await self._epochs.pause_deletion(reason, self._clock.now())
        elif epoch.paused_since is None:
            epoch = await self._epochs.advance_mark(reading.date, self._copies_since)
            self._told = reading
            reached("fetcher.mark-advanced")
        if epoch.paused_since is not None:
            return pause_sentence(epoch)
        await write_backup_marker(self._blobs, epoch)
        self.mark = epoch.mark
        return None
