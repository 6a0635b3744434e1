"""From the octets that a mailbox sends to whole mails.

A mail above the inline limit goes into a blob, durably, as it may have to be parked later; so does every mail
that is spooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.oversize import is_oversize
from services.fetcher.ingest.ledger_writer import Collected, Entered, LedgerWriter
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


class Begun(NamedTuple):
    """A blob being written for `message`; `is_own`: no other mail may have the blob of that name."""

    message: str
    name: str
    writer: BlobWriter
    is_own: bool


class Ingest:
    """Takes retrieve events of one session in, batch by batch.

    `harmless` counts the mails of which the server sent nothing, so that it cannot take them for read.
    """

    def __init__(
        self,
        account: Account,
        identification: MessageMatcher,
        registration: LedgerWriter,
        ports: Ports,
        *,
        inline_limit: int,
    ) -> None:
        self._account = account
        self.identification = identification
        self._registration = registration
        self._ports = ports
        self._inline_limit = inline_limit
        self._fingerprint = identification.new_fingerprint()
        self._blob: Begun | None = None
        self.refused: list[MailRefused] = []
        self.oversize: list[tuple[Listed, int]] = []
        self.harmless = 0

    async def take(self, events: Sequence[RetrieveEvent]) -> list[Entered]:
        """Take in what was read together; returns the mails that were entered and published meanwhile."""
        for event in events:
            if not (isinstance(event, MailWhole) and self._take_inline(*event)):
                await self._take_one(event)
        return await self.flush() if self._registration.is_due else []

    async def flush(self) -> list[Entered]:
        """Enter and publish what is pending."""
        return await self._registration.enter(self.identification.take_corrections())

    def octets_in_blobs(self, entry: Listed) -> int:
        """How much room the mail will take in the blob store, by its listed size."""
        return entry.size if self._registration.spools or entry.size > self._inline_limit else 0

    async def end(self) -> None:
        """Nothing more is read: forget the mail that was being read, and what could not be entered."""
        begun, self._blob = self._blob, None
        try:
            if begun is not None:
                await begun.writer.abort()
        finally:
            await self._registration.give_up([begun.name] if begun is not None and begun.is_own else [])

    async def _abandon(self) -> None:
        """Forget the mail that was being read."""
        begun, self._blob = self._blob, None
        if begun is not None:
            await begun.writer.abort()

    async def _take_one(self, event: RetrieveEvent) -> None:
        match event:
            case MailWhole(entry, data):
                await self._take_whole(entry, data)
            case MailStarted(entry):
                await self._abandon()
                self._fingerprint = self.identification.new_fingerprint()
                await self._begin_blob(entry)
            case MailBytes(_, data):
                self._fingerprint.feed(data)
                await self._writer().write(data)
            case MailEnded(entry, octets):
                await self._finish_blob(entry, octets)
            case MailRefused():
                self.harmless += self._blob is None and not event.body_came
                await self._abandon()
                self.refused.append(event)

    def _take_inline(self, entry: Listed, data: bytes) -> bool:
        """Take a mail that needs no blob, as most; False leaves it to others."""
        if len(data) > self._inline_limit or self._registration.spools:
            return False
        if self._is_left(entry, len(data)):
            return True
        self._fingerprint = fingerprint = self.identification.new_fingerprint()
        fingerprint.feed(data)
        if (wanted := self.identification.identified(entry, fingerprint)) is not None:
            payload = Payload(octets=len(data), inline=data)
            self._collect(wanted, self._message_of(wanted), payload, None)
        return True

    async def _take_whole(self, entry: Listed, data: bytes) -> None:
        """A mail that came in one piece, and goes into a blob."""
        if self._is_left(entry, len(data)):
            return
        self._fingerprint = self.identification.new_fingerprint()
        self._fingerprint.feed(data)
        inline = data if len(data) <= self._inline_limit else None
        await self._begin_blob(entry)
        await self._writer().write(data)
        await self._finish_blob(entry, len(data), inline)

    def _is_left(self, entry: Listed, octets: int) -> bool:
        """Whether a mail that is larger than its listed size is to stay where it is."""
        if not is_oversize(self._account, octets) or self._account.reading.oversize is Oversize.PARK:
            return False
        self.oversize.append((entry, octets))
        return True

    async def _begin_blob(self, entry: Listed) -> None:
        planned = self.identification.planned(entry)
        message = self._message_of(planned)
        name = blob_name(message)
        self._blob = Begun(message, name, await self._ports.blobs.create(name), is_own=planned.known is None)

    async def _finish_blob(self, entry: Listed, octets: int, inline: bytes | None = None) -> None:
        """The mail is whole; a small one that is spooled rides in its event all the same."""
        if self._is_left(entry, octets):
            await self._abandon()
            return
        wanted = self.identification.identified(entry, self._fingerprint)
        begun = self._blob
        assert begun is not None, "a mail's end comes after its start"
        if wanted is None or (wanted.known is None and not begun.is_own):
            # Known; or another mail than the one whose blob was begun: the next visit reads it as a new one.
            await self._abandon()
            return
        await begun.writer.commit(durable=True)
        reached("fetcher.blob-kept")
        name = begun.name
        if wanted.known is not None and wanted.known.message != begun.message:
            name = await self._moved(begun.name, blob_name(wanted.known.message))
        self._blob = None
        payload = Payload(octets=octets, inline=inline, blob=None if inline is not None else name)
        self._collect(wanted, wanted.known.message if wanted.known else begun.message, payload, name)

    async def _moved(self, name: str, to: str) -> str:
        """Give the blob of a mail that turned out to be known the name by which its mail is found. Seldom: a
        large mail without a UID that was lost on its way.
        """
        writer = await self._ports.blobs.create(to)
        try:
            async for piece in self._ports.blobs.read(name):
                await writer.write(piece)
            await writer.commit(durable=True)
        except BaseException:
            await writer.abort()
            raise
        await self._registration.remove([name])
        return to

    def _collect(self, wanted: Wanted, message: str, payload: Payload, blob: str | None) -> None:
        self._registration.collect(
            Collected(wanted, message, payload, blob, self._fingerprint, self._ports.clock.monotonic())
        )

    def _message_of(self, wanted: Wanted) -> str:
        return wanted.known.message if wanted.known else self._ports.new_id()

    def _writer(self) -> BlobWriter:
        assert self._blob is not None, "a mail's bytes come after its start"
        return self._blob.writer
