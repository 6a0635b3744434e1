"""Compares the database with the backup marker, at the start and then regularly: was it restored from a
backup?

Nothing is deleted before the first comparison, nor while none is possible: that only costs time.

It also notices that the clock of this or another fetcher was behind, see `decide.clocks`. From then on the
days of all copies that stay at their sources are counted anew.
"""

from __future__ import annotations

import structlog

from services.fetcher.decide.clocks import TOLERANCE, Reading, was_behind
from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import Epoch, MaintenanceStore
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

    def __init__(self, epochs: MaintenanceStore, blobs: Blobs, clock: Clock) -> None:
        self._epochs = epochs
        self._blobs = blobs
        self._clock = clock
        self._problem: str | None = (
            "nothing is deleted before the database was compared with its backup marker"
        )
        self._recorded: Reading | None = None
        self._copies_since = 0.0
        self.mark = 0

    def problem(self) -> str | None:
        """Return why nothing may be deleted at any source, as a sentence; None where it may."""
        return self._problem

    async def run(self) -> None:
        """Compare regularly, until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            await self.compare()

    async def compare(self) -> None:
        """Compare, and advance the mark where the database was not restored."""
        before = self._problem
        try:
            self._problem = await self._compare()
        except MailferryError as error:
            self._problem = (
                f"nothing is deleted while the database cannot be compared with its backup marker: {error}"
            )
        if self._problem is not None and self._problem != before:
            log.warning("deletion is paused", problem=self._problem)

    async def copies_since(self) -> float:
        """Return from when on the days of a copy are counted at the earliest, in seconds since the epoch.
        Raises what the store raises.
        """
        epoch, reading = await self._epochs.epoch(), self._reading()
        self._check_clocks(epoch, reading)
        if self._copies_since != epoch.copies_since:
            await self._epochs.advance_mark(reading.date, self._copies_since)
            self._recorded = reading
        return self._copies_since

    def _reading(self) -> Reading:
        return Reading(self._clock.now(), self._clock.since_boot())

    def _check_clocks(self, epoch: Epoch, now: Reading) -> None:
        known = max(self._copies_since, epoch.copies_since)
        # A clock that was ahead may have set this: copies would stay until then.
        self._copies_since = known if known <= now.date + TOLERANCE else now.date
        if not was_behind(self._recorded, now, epoch.seen_at):
            return
        if now.date > self._copies_since + TOLERANCE:
            log.warning(
                "a clock was behind: the days of copies that stay at their sources are counted from now on",
                date_before=epoch.seen_at,
            )
        self._copies_since = max(self._copies_since, now.date)

    async def _compare(self) -> str | None:
        """Return why nothing may be deleted. The marker is read first: others may advance it meanwhile."""
        marker = await read_backup_marker(self._blobs)
        epoch, reading = await self._epochs.epoch(), self._reading()
        self._check_clocks(epoch, reading)
        reason = sign_of_restore(epoch, marker, self.mark)
        if reason is not None:
            epoch = await self._epochs.pause_deletion(reason, self._clock.now())
        elif epoch.paused_since is None:
            epoch = await self._epochs.advance_mark(reading.date, self._copies_since)
            self._recorded = reading
            reached("fetcher.mark-advanced")
        if epoch.paused_since is not None:
            return pause_sentence(epoch)
        await write_backup_marker(self._blobs, epoch)
        self.mark = epoch.mark
        return None
