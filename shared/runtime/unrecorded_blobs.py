"""Blobs between their two steps: stored, and not yet recorded by the database as some mail's.

Whatever is raised between the steps, a blob that the database does not know must not take room for long.
What surely was not recorded is removed at once. What may have been recorded (the answer was lost, the call
was cancelled) is asked about once no call can still be under way, and removed where the database does not
need it. A process that is killed forgets all this: then the sweep removes such blobs.
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

USUAL = 1800.0
"""Seconds after which a blob is asked about that nobody called recorded: longer than any batch waits."""
TOO_LATE = USUAL / 2
"""Seconds after which a stored blob must not be recorded any more, as it may be gone by the time."""
DOUBTFUL = 120.0
"""Seconds after which a blob is asked about whose record failed: longer than a transaction goes on alone."""
LONGEST = 86400.0
"""Seconds between two questions about a blob that is needed; then the sweep looks after it."""
EVERY = 10.0
BATCH = 200
REMOVAL = 5.0
"""Seconds that a removal may hold up whoever ends because of an error."""

log = structlog.get_logger("mailferry.blobs")


class _Question(NamedTuple):
    """When a blob is to be asked about, in monotonic seconds, and how long it waits if it is needed then."""

    due: float
    pause: float


class UnrecordedBlobs:
    """Of this process. Only blobs that are named for a message are looked after."""

    def __init__(self, blobs: Blobs, clock: Clock) -> None:
        self._blobs = blobs
        self._clock = clock
        self._questions: dict[str, _Question] = {}

    def stored(self, name: str) -> None:
        """The blob is stored, and is to be recorded next."""
        if message_in(name) is not None:
            self._questions[name] = self._in(USUAL)

    def recorded(self, names: Iterable[str]) -> None:
        """The database knows these, or they are gone."""
        for name in names:
            self._questions.pop(name, None)

    def doubt(self, names: Iterable[str]) -> None:
        """Recording these failed, and nobody knows whether it was done."""
        for name in names:
            self._questions[name] = self._in(DOUBTFUL)

    async def remove(self, names: Iterable[str]) -> None:
        """Remove what surely was not recorded; raises nothing. What cannot be removed now is tried again."""
        left = list(names)
        self.doubt(left)
        try:
            async with asyncio.timeout(REMOVAL):
                for name in left:
                    await self._blobs.delete(name)
                    self.recorded([name])
        except (BlobsUnavailable, TimeoutError) as error:
            log.warning("blobs without a mail not removed yet", error=error)

    async def run(self, keeping: MaintenanceStore) -> None:
        """Ask and remove, until cancelled."""
        while True:
            await self._clock.sleep(EVERY)
            try:
                if removed := await self.tidy(keeping):
                    log.info("blobs removed whose mails were not recorded", removed=removed)
            except MailferryError as error:
                log.debug("unrecorded blobs not asked about", error=error)

    async def tidy(self, keeping: MaintenanceStore) -> int:
        """Ask about those that are due and remove what is not needed; returns how many."""
        now = self._clock.monotonic()
        due = [name for name, question in self._questions.items() if question.due <= now][:BATCH]
        messages = {name: message for name in due if (message := message_in(name))}
        if not messages:
            return 0
        needed = set(await keeping.raw_mail_needed([*messages.values()]))
        removed = 0
        for name, message in messages.items():
            if message in needed:
                self._ask_later(name)
                continue
            await self._blobs.delete(name)
            self.recorded([name])
            removed += 1
        return removed

    def _ask_later(self, name: str) -> None:
        """It may be needed only because its mail is still under way."""
        pause = self._questions[name].pause * 2
        if pause > LONGEST:
            self.recorded([name])
        else:
            self._questions[name] = self._in(pause)

    def _in(self, pause: float) -> _Question:
        return _Question(self._clock.monotonic() + pause, pause)
