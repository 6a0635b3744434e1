"""Deletes blobs that are not needed any more, as a process that dies between two steps leaves them behind.

Usually the relay that settles a mail deletes its blob. The sweep deletes what that missed, never a blob that
is needed:

- It deletes only blobs called `mail/` and the id of their message, and only old ones: last written more
  than a day ago. So a fetcher that has just stored a mail has a day to enter it into the ledger. If it took
  longer, the ledger would have a mail without its blob, which is then fetched from its source again.
- The database is asked after the listing, never before. What it does not need then it will never need again:
  either the message is settled with no recipient parked, and no step leads from there to a recipient that
  needs the raw mail; or the message is unknown, and only the fetcher in the first point can still enter it,
  as every id is used once.
- A mail that is parked, waits for a retry or is being delivered needs its blob, however old that is.

Young blobs are deleted in two cases. Both are what a killed process leaves:

- The database does not know the message, and this process has seen it unknown for almost an hour, by the
  monotonic clock.
- When a relay starts: the database knows that the message is settled. The process was killed between
  recording the outcome and deleting the blob. Nothing can need such a blob again.

Any number of relays may sweep at the same time: deleting a blob that is gone is no error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import inf

import structlog

from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.raw_mail import FOLDER, message_in

MIN_AGE = 86400.0
"""Seconds. Far longer than any visit lasts, and than clocks of machines differ."""
FIRST_SWEEP = 600.0
SWEEP_INTERVAL = 3600.0
UNKNOWN_FOR = 3000.0
"""Seconds between two sweeps that find a blob unknown: longer than a blob may wait for its ledger entry."""
BATCH = 200

log = structlog.get_logger("mailferry.relay")


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The numbers of old blobs removed, of old blobs needed, and of unfinished blobs removed."""

    removed: int = 0
    needed: int = 0
    leftovers: int = 0


class BlobSweep:
    """Deletes unneeded blobs that are older than `age` seconds."""

    def __init__(self, blobs: Blobs, retention: MaintenanceStore, clock: Clock, age: float = MIN_AGE) -> None:
        self._blobs = blobs
        self._retention = retention
        self._clock = clock
        self._age = age
        self._unknown_since: dict[str, float] = {}

    async def run(self) -> None:
        """Remove the blobs of settled mails at once, then sweep now and then, until cancelled."""
        try:
            removed = await self.remove_settled()
            if removed:
                log.info("blobs of settled mails removed", removed=removed)
        except MailferryError as error:
            log.warning("blobs not released", error=error)
        await self._clock.sleep(FIRST_SWEEP)
        while True:
            try:
                swept = await self.sweep_once()
                log.info("blobs swept", removed=swept.removed, needed=swept.needed, leftovers=swept.leftovers)
            except MailferryError as error:
                log.warning("blobs not swept", error=error)
            await self._clock.sleep(SWEEP_INTERVAL)

    async def remove_settled(self) -> int:
        """Remove the blobs, old or new, of settled mails; return how many.

        Raises `BlobsUnavailable` and `StoreUnavailable`.
        """
        removed = 0
        async for batch in self._batches(None):
            messages = {message: name for name in batch if (message := message_in(name))}
            for message in await self._retention.raw_mail_not_needed([*messages]):
                await self._blobs.delete(messages[message])
                removed += 1
        return removed

    async def sweep_once(self) -> SweepResult:
        """Remove the blobs that are not needed. Raises `BlobsUnavailable` and `StoreUnavailable`."""
        before = self._clock.now() - self._age
        removed = needed = 0
        async for batch in self._batches(before):
            gone = await self._remove_unneeded(batch)
            removed, needed = removed + gone, needed + len(batch) - gone
        removed += await self._remove_unknown()
        return SweepResult(removed, needed, await self._blobs.remove_leftovers(before))

    async def _remove_unknown(self) -> int:
        """Remove the young blobs that were unknown long ago and are now; return how many."""
        now = self._clock.monotonic()
        unknown: dict[str, float] = {}
        removed = 0
        async for batch in self._batches(None):
            for name in await self._unknown_among(batch):
                since = self._unknown_since.get(name, now)
                if now - since < UNKNOWN_FOR:
                    unknown[name] = since
                    continue
                await self._blobs.delete(name)
                removed += 1
        self._unknown_since = unknown
        return removed

    async def _unknown_among(self, names: Sequence[str]) -> list[str]:
        messages = {message: name for name in names if (message := message_in(name))}
        if not messages:
            return []
        known = {*await self._retention.raw_mail_needed([*messages])}
        known |= {*await self._retention.raw_mail_not_needed([*messages])}
        return [name for message, name in messages.items() if message not in known]

    async def remove_all_unknown(self) -> int:
        """Remove unfinished blobs, and those that the database does not know, however young; return how many.

        Only for a process that is known to be the only one with these blobs, before it begins its work.
        """
        removed = 0
        async for batch in self._batches(None):
            for name in await self._unknown_among(batch):
                await self._blobs.delete(name)
                removed += 1
        return removed + await self._blobs.remove_leftovers(inf)

    async def _batches(self, before: float | None) -> AsyncIterator[list[str]]:
        """Yield the names of the blobs that were last written before `before`; None: of all blobs."""
        batch: list[str] = []
        async for name in self._blobs.list_names(FOLDER, before):
            batch.append(name)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _remove_unneeded(self, names: Sequence[str]) -> int:
        """Remove the blobs that are not needed; return how many. Blobs with another kind of name are kept."""
        messages = {name: message for name in names if (message := message_in(name))}
        if not messages:
            return 0
        needed = set(await self._retention.raw_mail_needed([*messages.values()]))
        unneeded = [name for name, message in messages.items() if message not in needed]
        for name in unneeded:
            await self._blobs.delete(name)
        return len(unneeded)
