"""Finds blobs of mails that are missing, and reports them to the store, so that the mail is fetched again, or
parked if its source has no copy.

Nothing is reported unless the backup marker can be read, which is kept with the blobs: a blob store that is
not mounted has lost nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import structlog

from shared.adapters.system_clock import SystemClock
from shared.model.errors import MailferryError
from shared.ports.blobs import BlobMissing, Blobs, BlobWriter
from shared.ports.broker import Broker
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.backup_marker import read_backup_marker
from shared.runtime.checkpoints import reached
from shared.runtime.raw_mail import message_in
from shared.runtime.settlement import settlement_hints
from shared.runtime.unrecorded_blobs import UnrecordedBlobs

INTERVAL = 2.0
"""Seconds. An attempt that found the blob missing is recorded as ended within this time."""
REASON = "its raw mail is not in the blob store any more"

log = structlog.get_logger("mailferry.process")


class TrackedBlobs:
    """A `Blobs` that keeps the names of `missing` blobs, and updates `unrecorded`."""

    def __init__(self, blobs: Blobs, unrecorded: UnrecordedBlobs | None = None) -> None:
        self._blobs = blobs
        self._unrecorded = unrecorded or UnrecordedBlobs(blobs, SystemClock())
        self.missing: set[str] = set()

    async def create(self, name: str) -> BlobWriter:
        """See the port."""
        return _TrackedWriter(await self._blobs.create(name), name, self._unrecorded)

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """See the port."""
        try:
            async for piece in self._blobs.read(name):
                yield piece
        except BlobMissing:
            if message_in(name) is not None:
                self.missing.add(name)
            raise

    async def delete(self, name: str) -> None:
        """See the port."""
        await self._blobs.delete(name)
        self._unrecorded.mark_recorded([name])

    def list_names(self, prefix: str = "", before: float | None = None) -> AsyncIterator[str]:
        """See the port."""
        return self._blobs.list_names(prefix, before)

    async def remove_leftovers(self, before: float) -> int:
        """See the port."""
        return await self._blobs.remove_leftovers(before)

    async def check(self) -> None:
        """See the port."""
        await self._blobs.check()

    async def free_octets(self) -> int | None:
        """See the port."""
        return await self._blobs.free_octets()


class _TrackedWriter:
    """A writer whose blob counts as stored from the start of its commit, whether or not that succeeds."""

    def __init__(self, writer: BlobWriter, name: str, unrecorded: UnrecordedBlobs) -> None:
        self._writer = writer
        self._name = name
        self._unrecorded = unrecorded

    async def write(self, data: bytes) -> None:
        await self._writer.write(data)

    async def commit(self, *, durable: bool) -> None:
        self._unrecorded.mark_stored(self._name)
        await self._writer.commit(durable=durable)
        self._unrecorded.mark_stored(self._name)

    async def abort(self) -> None:
        await self._writer.abort()


class MissingBlobReporter:
    """Reports to the store which blobs are missing."""

    def __init__(self, blobs: TrackedBlobs, recovery: MaintenanceStore, broker: Broker, clock: Clock) -> None:
        self._blobs = blobs
        self._recovery = recovery
        self._broker = broker
        self._clock = clock

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.report()
            except MailferryError as error:
                log.warning("missing blobs not reported", error=error)

    async def report(self) -> int:
        """Report the blobs found missing since the last report; return how many mails."""
        names = set(self._blobs.missing)
        if not names or await read_backup_marker(self._blobs) is None:
            return 0
        lost = {message: name for name in names if (message := message_in(name)) is not None}
        concluded = await self._recovery.lose_blobs(lost, REASON, self._clock.now())
        reached("blobs.loss-recorded")
        self._blobs.missing -= names
        log.warning("mails without their blobs are fetched again or parked", messages=sorted(lost))
        await self._broker.publish(settlement_hints(concluded.settled))
        return len(lost)
