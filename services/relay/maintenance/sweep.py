"""Clears away blobs that nobody needs any more: what a process left behind that died between two steps.

Usually the relay that settles a mail deletes its blob. The sweep takes what that missed, never a live one:

- It looks only at blobs called `mail/` and the id of their message, and only at old ones: last written more
  than a day ago. So a fetcher that has just stored a mail has a day to enter it into the ledger; if it took
  longer nevertheless, it would enter a mail without its blob, which then is fetched from its source again.
- The database is asked after the listing, never before. What it does not need then it will never need again:
  a message that it knows is concluded and has nobody parked, and no step leads from there to a recipient who
  needs the raw mail; one that it does not know can be known only by the fetcher that has just been spoken of,
  as every id is given once.
- A mail that is parked, waits for a retry or is on its way needs its blob, however old that is.

What the database does not know is also taken where this process has seen it lie unknown for an hour, by a
clock that never jumps: a process that is killed between the two steps must not leave its blobs for a day.

A relay that begins does not wait for a blob to be old where the database knows its mail and has done with
it: that is what a kill leaves between the record of an outcome and the release of the blob. Nobody can need
such a blob again, so its age does not matter, nor who else works with these blobs; what the database does not
know is left to the sweep.

Any number of relays may sweep at the same time: deleting what is gone is no error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import inf

import structlog

from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store.blob_retention import BlobRetention
from shared.runtime.raw_mail import FOLDER, message_in

AGE = 86400.0
"""Seconds. Far longer than any visit lasts, and than clocks are apart."""
FIRST = 600.0
EVERY = 3600.0
UNKNOWN_FOR = 3000.0
"""Seconds between two looks that both find a blob unknown: longer than a blob may wait to be recorded."""
BATCH = 200

log = structlog.get_logger("mailferry.relay")


@dataclass(frozen=True, slots=True)
class Swept:
    """How many old blobs were removed, how many are needed, and how many unfinished ones were removed."""

    removed: int = 0
    needed: int = 0
    leftovers: int = 0


class Sweep:
    """Sweeps `blobs` of what is older than `age` seconds."""

    def __init__(self, blobs: Blobs, keeping: BlobRetention, clock: Clock, age: float = AGE) -> None:
        self._blobs = blobs
        self._keeping = keeping
        self._clock = clock
        self._age = age
        self._unknown: dict[str, float] = {}

    async def run(self) -> None:
        """Remove at once what a kill left, then sweep now and then, until cancelled."""
        try:
            released = await self.release_left()
            if released:
                log.info("blobs released that a process left behind", removed=released)
        except MailferryError as error:
            log.warning("blobs not released", error=error)
        await self._clock.sleep(FIRST)
        while True:
            try:
                swept = await self.once()
                log.info("blobs swept", removed=swept.removed, needed=swept.needed, leftovers=swept.leftovers)
            except MailferryError as error:
                log.warning("blobs not swept", error=error)
            await self._clock.sleep(EVERY)

    async def release_left(self) -> int:
        """Remove the blobs, old or new, of mails that the database has done with; returns how many. Raises
        `BlobsUnavailable` and `StoreUnavailable`.
        """
        removed = 0
        async for batch in self._batches(None):
            messages = {message: name for name in batch if (message := message_in(name))}
            for message in await self._keeping.done_with([*messages]):
                await self._blobs.delete(messages[message])
                removed += 1
        return removed

    async def once(self) -> Swept:
        """Remove what nobody needs. Raises `BlobsUnavailable` and `StoreUnavailable`."""
        before = self._clock.now() - self._age
        removed = needed = 0
        async for batch in self._batches(before):
            gone = await self._remove_unneeded(batch)
            removed, needed = removed + gone, needed + len(batch) - gone
        removed += await self._remove_unknown()
        return Swept(removed, needed, await self._blobs.remove_leftovers(before))

    async def _remove_unknown(self) -> int:
        """Remove the young blobs that nobody knew the last time, nor does now; returns how many."""
        now = self._clock.monotonic()
        unknown: dict[str, float] = {}
        removed = 0
        async for batch in self._batches(None):
            for name in await self._unknown_among(batch):
                since = self._unknown.get(name, now)
                if now - since < UNKNOWN_FOR:
                    unknown[name] = since
                    continue
                await self._blobs.delete(name)
                removed += 1
        self._unknown = unknown
        return removed

    async def _unknown_among(self, names: Sequence[str]) -> list[str]:
        messages = {message: name for name in names if (message := message_in(name))}
        if not messages:
            return []
        known = {*await self._keeping.needing_raw_mail([*messages])}
        known |= {*await self._keeping.done_with([*messages])}
        return [name for message, name in messages.items() if message not in known]

    async def remove_forgotten(self) -> int:
        """Remove all blobs that the database does not know, however young, and what was left unfinished;
        returns how many. Only for who knows that nobody else works with these blobs, and does not yet.
        """
        removed = 0
        async for batch in self._batches(None):
            for name in await self._unknown_among(batch):
                await self._blobs.delete(name)
                removed += 1
        return removed + await self._blobs.remove_leftovers(inf)

    async def _batches(self, before: float | None) -> AsyncIterator[list[str]]:
        """The names of the blobs that were last written before `before`."""
        batch: list[str] = []
        async for name in self._blobs.list_names(FOLDER, before):
            batch.append(name)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _remove_unneeded(self, names: Sequence[str]) -> int:
        """Returns how many were removed; what is not called as a message's raw mail is kept."""
        messages = {name: message for name in names if (message := message_in(name))}
        if not messages:
            return 0
        needed = set(await self._keeping.needing_raw_mail([*messages.values()]))
        unneeded = [name for name, message in messages.items() if message not in needed]
        for name in unneeded:
            await self._blobs.delete(name)
        return len(unneeded)
