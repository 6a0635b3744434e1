"""Makes whole mails of the octets that a mailbox sends.

A mail above the inline limit is written into a blob durably, as it may have to be parked later. So is every
mail that is spooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.oversize import is_oversize
from services.fetcher.ingest.ledger_writer import LedgerWriter, ReceivedMail, RecordedMail
from services.fetcher.ingest.message_matcher import MessageMatcher
from services.fetcher.ingest.ports import Ports
from shared.contract.events import Payload
from shared.model.account import Account
from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from shared.model.reading import Oversize
from shared.ports.blobs import BlobWriter
from shared.runtime.checkpoints import reached
from shared.runtime.raw_mail import blob_name


class BlobInProgress(NamedTuple):
    """A blob being written for `message`; `is_own`: no other mail can have the blob of that name."""

    message: str
    name: str
    writer: BlobWriter
    is_own: bool


class Ingest:
    """Takes in the retrieve events of one visit.

    `refused` and `oversize` (with their octets) are the mails that were not taken in. `unsent` counts the
    mails of which the server sent nothing, so that it cannot count them as read.
    """

    def __init__(
        self,
        account: Account,
        matcher: MessageMatcher,
        ledger_writer: LedgerWriter,
        ports: Ports,
        *,
        inline_limit: int,
    ) -> None:
        self._account = account
        self.matcher = matcher
        self._ledger_writer = ledger_writer
        self._ports = ports
        self._inline_limit = inline_limit
        self._fingerprint = matcher.new_fingerprint()
        self._blob: BlobInProgress | None = None
        self.refused: list[MailRefused] = []
        self.oversize: list[tuple[Listed, int]] = []
        self.unsent = 0

    async def take_events(self, events: Sequence[RetrieveEvent]) -> list[RecordedMail]:
        """Take in events that arrived together; return the mails that were published meanwhile."""
        for event in events:
            if not (isinstance(event, MailWhole) and self._take_inline(*event)):
                await self._take_event(event)
        return await self.flush() if self._ledger_writer.is_due else []

    async def flush(self) -> list[RecordedMail]:
        """Record and publish the mails that are complete."""
        return await self._ledger_writer.write_batch(self.matcher.take_corrections())

    def octets_in_blobs(self, entry: Listed) -> int:
        """Return how much room the mail takes in the blob store, by its listed size."""
        return entry.size if self._ledger_writer.spools or entry.size > self._inline_limit else 0

    async def close(self) -> None:
        """Discard the mail that was being read, and the mails that could not be recorded."""
        blob, self._blob = self._blob, None
        try:
            if blob is not None:
                await blob.writer.abort()
        finally:
            await self._ledger_writer.discard([blob.name] if blob is not None and blob.is_own else [])

    async def _abort_blob(self) -> None:
        """Discard the mail that was being read."""
        blob, self._blob = self._blob, None
        if blob is not None:
            await blob.writer.abort()

    async def _take_event(self, event: RetrieveEvent) -> None:
        match event:
            case MailWhole(entry, data):
                await self._take_whole(entry, data)
            case MailStarted(entry):
                await self._abort_blob()
                self._fingerprint = self.matcher.new_fingerprint()
                await self._create_blob(entry)
            case MailBytes(_, data):
                self._fingerprint.feed(data)
                await self._writer().write(data)
            case MailEnded(entry, octets):
                await self._finish_blob(entry, octets)
            case MailRefused():
                self.unsent += self._blob is None and not event.body_came
                await self._abort_blob()
                self.refused.append(event)

    def _take_inline(self, entry: Listed, data: bytes) -> bool:
        """Take in a mail that needs no blob, as most; return False for others."""
        if len(data) > self._inline_limit or self._ledger_writer.spools:
            return False
        if self._stays_at_source(entry, len(data)):
            return True
        self._fingerprint = fingerprint = self.matcher.new_fingerprint()
        fingerprint.feed(data)
        if (wanted := self.matcher.match(entry, fingerprint)) is not None:
            payload = Payload(octets=len(data), inline=data)
            self._add_mail(wanted, self._message_of(wanted), payload, None)
        return True

    async def _take_whole(self, entry: Listed, data: bytes) -> None:
        """Take in a mail that came in one piece and goes into a blob."""
        if self._stays_at_source(entry, len(data)):
            return
        self._fingerprint = self.matcher.new_fingerprint()
        self._fingerprint.feed(data)
        inline = data if len(data) <= self._inline_limit else None
        await self._create_blob(entry)
        await self._writer().write(data)
        await self._finish_blob(entry, len(data), inline)

    def _stays_at_source(self, entry: Listed, octets: int) -> bool:
        """Whether a mail that is larger than its listed size is to stay where it is."""
        if not is_oversize(self._account, octets) or self._account.reading.oversize is Oversize.PARK:
            return False
        self.oversize.append((entry, octets))
        return True

    async def _create_blob(self, entry: Listed) -> None:
        planned = self.matcher.planned(entry)
        message = self._message_of(planned)
        name = blob_name(message)
        writer = await self._ports.blobs.create(name)
        self._blob = BlobInProgress(message, name, writer, is_own=planned.known is None)

    async def _finish_blob(self, entry: Listed, octets: int, inline: bytes | None = None) -> None:
        """Take in a mail whose blob is complete; a small one that is spooled is in its event, too."""
        if self._stays_at_source(entry, octets):
            await self._abort_blob()
            return
        wanted = self.matcher.match(entry, self._fingerprint)
        blob = self._blob
        assert blob is not None, "a mail's end comes after its start"
        if wanted is None or (wanted.known is None and not blob.is_own):
            # It is known, or another mail than the one whose blob it is: the next visit reads it as a new
            # one.
            await self._abort_blob()
            return
        await blob.writer.commit(durable=True)
        reached("fetcher.blob-kept")
        name = blob.name
        if wanted.known is not None and wanted.known.message != blob.message:
            name = await self._rename_blob(blob.name, blob_name(wanted.known.message))
        self._blob = None
        payload = Payload(octets=octets, inline=inline, blob=None if inline is not None else name)
        self._add_mail(wanted, wanted.known.message if wanted.known else blob.message, payload, name)

    async def _rename_blob(self, name: str, to: str) -> str:
        """Give the blob of a mail that turned out to be known the name by which it is found. This is rare: a
        large mail without a UID whose event was lost.
        """
        writer = await self._ports.blobs.create(to)
        try:
            async for piece in self._ports.blobs.read(name):
                await writer.write(piece)
            await writer.commit(durable=True)
        except BaseException:
            await writer.abort()
            raise
        await self._ledger_writer.remove_blobs([name])
        return to

    def _add_mail(self, wanted: Wanted, message: str, payload: Payload, blob: str | None) -> None:
        self._ledger_writer.add_mail(
            ReceivedMail(wanted, message, payload, blob, self._fingerprint, self._ports.clock.monotonic())
        )

    def _message_of(self, wanted: Wanted) -> str:
        return wanted.known.message if wanted.known else self._ports.new_id()

    def _writer(self) -> BlobWriter:
        assert self._blob is not None, "a mail's bytes come after its start"
        return self._blob.writer
