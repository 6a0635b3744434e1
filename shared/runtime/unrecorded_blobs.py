"""Removes blobs that were stored and never recorded in the database.

A blob that certainly was not recorded is removed at once. One that may have been recorded (the answer was
lost, or the call cancelled) is checked when no call can still be running, and removed if the database does
not need it. If the process is killed, the sweep removes such blobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import structlog

from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs, BlobsUnavailable
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.raw_mail import message_in

CHECK_AFTER = 1800.0
"""Seconds after which a stored blob is checked: longer than any batch waits."""
RECORD_WITHIN = CHECK_AFTER / 2
"""Seconds after which a stored blob must not be recorded, as it may be removed before the commit."""
CHECK_FAILED_AFTER = 120.0
"""Seconds after which a blob is checked whose record failed: longer than a lost transaction runs."""
MAX_PAUSE = 86400.0
"""Seconds between two checks of a blob that is needed. Then the sweep takes over."""
INTERVAL = 10.0
BATCH = 200
REMOVAL_DEADLINE = 5.0
"""Seconds that a removal may delay its caller, which ends because of an error."""

log = structlog.get_logger("mailferry.blobs")


class _Check(NamedTuple):
    """When a blob is checked, in monotonic seconds, and the pause in seconds before that."""

    due: float
    pause: float


class UnrecordedBlobs:
    """The unrecorded blobs of this process. Only blobs with raw mail are watched."""

    def __init__(self, blobs: Blobs, clock: Clock) -> None:
        self._blobs = blobs
        self._clock = clock
        self._checks: dict[str, _Check] = {}

    def mark_stored(self, name: str) -> None:
        """Watch a blob that is stored, and will be recorded next."""
        if message_in(name) is not None:
            self._checks[name] = self._in(CHECK_AFTER)

    def mark_recorded(self, names: Iterable[str]) -> None:
        """Stop watching blobs that the database knows, or that are gone."""
        for name in names:
            self._checks.pop(name, None)

    def mark_doubtful(self, names: Iterable[str]) -> None:
        """Check blobs soon whose recording failed with an unknown result."""
        for name in names:
            self._checks[name] = self._in(CHECK_FAILED_AFTER)

    async def remove_blobs(self, names: Iterable[str]) -> None:
        """Remove blobs that certainly were not recorded. Try again later if that fails. Raises nothing."""
        names = list(names)
        self.mark_doubtful(names)
        try:
            async with asyncio.timeout(REMOVAL_DEADLINE):
                for name in names:
                    await self._blobs.delete(name)
                    self.mark_recorded([name])
        except (BlobsUnavailable, TimeoutError) as error:
            log.warning("blobs without a mail not removed yet", error=error)

    async def run(self, retention: MaintenanceStore) -> None:
        """Check and remove, until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                if removed := await self.remove_due(retention):
                    log.info("blobs removed whose mails were not recorded", removed=removed)
            except MailferryError as error:
                log.debug("unrecorded blobs not checked", error=error)

    async def remove_due(self, retention: MaintenanceStore) -> int:
        """Check the blobs that are due, remove those that are not needed, and return how many."""
        now = self._clock.monotonic()
        due = [name for name, check in self._checks.items() if check.due <= now][:BATCH]
        messages = {name: message for name in due if (message := message_in(name))}
        if not messages:
            return 0
        needed = set(await retention.raw_mail_needed([*messages.values()]))
        removed = 0
        for name, message in messages.items():
            if message in needed:
                self._check_later(name)
                continue
            await self._blobs.delete(name)
            self.mark_recorded([name])
            removed += 1
        return removed

    def _check_later(self, name: str) -> None:
        """Check again after twice the pause: the blob may be needed only until its mail is delivered."""
        pause = self._checks[name].pause * 2
        if pause > MAX_PAUSE:
            self.mark_recorded([name])
        else:
            self._checks[name] = self._in(pause)

    def _in(self, pause: float) -> _Check:
        return _Check(self._clock.monotonic() + pause, pause)
