"""From the bytes of a mailbox to the ledger and the router: the hot path of a session.

Mails are collected into batches; each batch is entered into the ledger in one transaction, then published in
one go. A mail above the inline limit goes into a blob, durably, as it may have to be parked later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.fetcher.choice import Wanted
from services.fetcher.epoch_watch import EpochWatch
from services.fetcher.fingerprint import Fingerprint
from services.fetcher.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from services.fetcher.mailbox_errors import OutOfStep
from services.fetcher.oversize import is_oversize, park_reason
from services.fetcher.plan import REPLACED
from services.fetcher.recognition import Recognition, is_by_content, is_provisional
from services.fetcher.restraint import Restraint
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, Payload
from shared.contract.topology import FETCHED_KEY
from shared.custody.commands import Fence, FetchedMail, NewPlace
from shared.model.account import Account, Custody, Dedup
from shared.model.reading import Oversize
from shared.ops.checkpoints import reached
from shared.ops.safekeeping import blob_name
from shared.ports.blobs import Blobs, BlobWriter
from shared.ports.broker import Broker, Publication
from shared.ports.clock import Clock
from shared.ports.store import Ledger, LedgerRow

BATCH_MAILS = 200
BATCH_OCTETS = 4 * 1024 * 1024


class Collected(NamedTuple):
    """A mail that is complete and waits for its batch."""

    wanted: Wanted
    message: str
    payload: Payload
    blob: str | None
    fingerprint: Fingerprint


class Entered(NamedTuple):
    """A mail that the ledger knows and the router was told of."""

    message: str
    entry: Listed
    octets: int


@dataclass(frozen=True, slots=True)
class Ports:
    """What a visit needs of the world. `new_id` names a message; `restraint` may say that mail is better
    left.
    """

    ledger: Ledger
    broker: Broker
    blobs: Blobs
    clock: Clock
    new_id: Callable[[], str]
    restraint: Restraint | None = None
    epoch: EpochWatch | None = None


class Intake:
    """Takes retrieve events of one session in, batch by batch.

    `recognition` knows the mails that a listing does not name; those of them that were read are `recognised`.
    `harmless` counts the mails that the server refused at once, so that it cannot take them for read.
    """

    def __init__(
        self,
        account: Account,
        fence: Fence,
        wanted: Mapping[int, Wanted],
        ports: Ports,
        *,
        fetcher: str,
        inline_limit: int,
        message_lease: float,
        about_to_publish: Callable[[Sequence[str]], None],
    ) -> None:
        self._account = account
        self._fence = fence
        self._wanted = wanted
        self._ports = ports
        self._fetcher = fetcher
        self._inline_limit = inline_limit
        self._message_lease = message_lease
        self._about_to_publish = about_to_publish
        self.recognition = Recognition()
        self._has_provisional = any(is_provisional(each.key) for each in wanted.values())
        self._fingerprint = self._new_fingerprint()
        self._places: list[NewPlace] = []
        self._replaced: dict[str, str] = {}
        self.recognised: dict[str, tuple[Listed, LedgerRow]] = {}
        self._pending: list[Collected] = []
        self._pending_octets = 0
        self._blob: tuple[str, str, BlobWriter] | None = None
        self.refused: list[MailRefused] = []
        self.oversize: list[tuple[Listed, int]] = []
        self.harmless = 0

    async def take(self, events: Sequence[RetrieveEvent]) -> list[Entered]:
        """Take in what was read together; returns the mails that were entered and published meanwhile."""
        for event in events:
            await self._take_one(event)
        if len(self._pending) >= BATCH_MAILS or self._pending_octets >= BATCH_OCTETS:
            return await self.flush()
        return []

    async def flush(self) -> list[Entered]:
        """Enter and publish what is pending."""
        batch, self._pending, self._pending_octets = self._pending, [], 0
        now = self._ports.clock.now()
        await self._correct(now)
        if not batch:
            return []
        receipts = await self._ports.ledger.record_fetched(
            self._fence, [self._as_fetched(each) for each in batch], now, self._message_lease
        )
        reached("fetcher.recorded")
        entered = [
            (each, receipt) for each, receipt in zip(batch, receipts, strict=True) if receipt is not None
        ]
        self._about_to_publish([receipt.message for _, receipt in entered])
        await self._ports.broker.publish(
            [self._publication(each, receipt.fetch_no, now) for each, receipt in entered]
        )
        reached("fetcher.published")
        return [Entered(receipt.message, each.wanted.entry, each.payload.octets) for each, receipt in entered]

    async def _correct(self, now: float) -> None:
        """Enter what was found out about mails known before: other keys, and other mails under their keys."""
        places, self._places = self._places, []
        replaced, self._replaced = self._replaced, {}
        if places:
            await self._ports.ledger.rename(self._fence, places, now)
        if replaced:
            await self._ports.ledger.record_gone(self._fence, replaced, now)

    async def abandon(self) -> None:
        """The session broke: forget the mail that was being read."""
        if self._blob is not None:
            _, _, writer = self._blob
            self._blob = None
            await writer.abort()

    async def _take_one(self, event: RetrieveEvent) -> None:
        match event:
            case MailWhole(entry, data):
                await self._take_whole(entry, data)
            case MailStarted(entry):
                await self.abandon()
                self._fingerprint = self._new_fingerprint()
                message = self._message_for(entry)
                name = blob_name(message)
                self._blob = (message, name, await self._ports.blobs.create(name))
            case MailBytes(_, data):
                self._fingerprint.feed(data)
                await self._writer().write(data)
            case MailEnded(entry, octets):
                await self._finish_blob(entry, octets)
            case MailRefused():
                self.harmless += self._blob is None and not isinstance(event.error, OutOfStep)
                await self.abandon()
                self.refused.append(event)

    async def _take_whole(self, entry: Listed, data: bytes) -> None:
        if self._is_left(entry, len(data)):
            return
        self._fingerprint = self._new_fingerprint()
        self._fingerprint.feed(data)
        inline = data if len(data) <= self._inline_limit else None
        if inline is not None and not self._spools:
            payload = Payload(octets=len(data), inline=data)
            if (wanted := self._identified(entry)) is not None:
                self._collect(wanted, self._message_of(wanted), payload, None)
            return
        message = self._message_for(entry)
        self._blob = (message, blob_name(message), await self._ports.blobs.create(blob_name(message)))
        await self._writer().write(data)
        await self._finish_blob(entry, len(data), inline)

    def _new_fingerprint(self) -> Fingerprint:
        account = self._account
        keeps = account.retention.leaves_a_copy or account.routing.dedup is Dedup.OFF
        return Fingerprint(with_content=keeps or self._has_provisional or bool(self.recognition))

    @property
    def _spools(self) -> bool:
        return self._account.custody is Custody.SPOOL

    def _is_left(self, entry: Listed, octets: int) -> bool:
        """Whether a mail that is larger than its listed size is to stay where it is."""
        reading = self._account.reading
        if not self._is_oversize(octets) or reading.oversize is Oversize.PARK:
            return False
        self.oversize.append((entry, octets))
        return True

    def _is_oversize(self, octets: int) -> bool:
        return is_oversize(self._account, octets)

    async def _finish_blob(self, entry: Listed, octets: int, inline: bytes | None = None) -> None:
        """The mail is whole; a small one that is spooled rides in its event all the same."""
        if self._is_left(entry, octets):
            await self.abandon()
            return
        if (wanted := self._identified(entry)) is None:
            await self.abandon()
            return
        writer = self._writer()
        assert self._blob is not None
        message, name, _ = self._blob
        await writer.commit(durable=True)
        reached("fetcher.blob-kept")
        self._blob = None
        payload = Payload(octets=octets, inline=inline, blob=None if inline is not None else name)
        self._collect(wanted, wanted.known.message if wanted.known else message, payload, name)

    def _identified(self, entry: Listed) -> Wanted | None:
        """Which mail it is that was read; None for one that is known and need not be entered again."""
        wanted, content = self._wanted[entry.number], self._fingerprint.content
        if wanted.known is not None:
            return self._same_or_new(wanted, wanted.known)
        without_uid = is_provisional(wanted.key)
        row = self.recognition.take(content, without_uid=without_uid) if content else None
        key = wanted.key
        if without_uid:
            uid = row.key.uid if row and is_by_content(row.key) else self.recognition.new_uid(content)
            key = wanted.key._replace(uid=uid)
        if row is None:
            return Wanted(entry, key)
        if row.key != key:
            self._places.append(NewPlace(row.message, key, entry.size))
        if self.recognition.may_come_back(row):
            self.recognised[row.message] = (entry, row)
            return None
        return Wanted(entry, key, row)

    def _same_or_new(self, wanted: Wanted, known: LedgerRow) -> Wanted:
        """A mail that is fetched again, unless another one has its UID now."""
        if not known.header or known.header == self._fingerprint.header:
            return wanted
        self._replaced[known.message] = REPLACED
        return Wanted(wanted.entry, wanted.key)

    def _collect(self, wanted: Wanted, message: str, payload: Payload, blob: str | None) -> None:
        self._pending.append(Collected(wanted, message, payload, blob, self._fingerprint))
        self._pending_octets += len(payload.inline or b"")

    def _message_for(self, entry: Listed) -> str:
        return self._message_of(self._wanted[entry.number])

    def _message_of(self, wanted: Wanted) -> str:
        return wanted.known.message if wanted.known else self._ports.new_id()

    def _writer(self) -> BlobWriter:
        assert self._blob is not None, "a mail's bytes come after its start"
        return self._blob[2]

    def _as_fetched(self, each: Collected) -> FetchedMail:
        known = each.wanted.known
        return FetchedMail(
            message=each.message,
            tenant=self._account.tenant,
            key=each.wanted.key,
            known_fetch_no=known.fetch_no if known else 0,
            listed_size=each.wanted.entry.size,
            octets=each.payload.octets,
            fetcher=self._fetcher,
            blob=each.blob,
            header=each.fingerprint.header,
            content=each.fingerprint.content,
            spooled=self._spools,
        )

    def _publication(self, each: Collected, fetch_no: int, now: float) -> Publication:
        known = each.wanted.known
        event = MessageFetched(
            message=each.message,
            tenant=self._account.tenant,
            account=self._account.id,
            fetch_no=fetch_no,
            key=each.wanted.key,
            fetched_at=known.first_fetched_at if known else now,
            payload=each.payload,
            park_reason=park_reason(self._account, each.payload.octets),
        )
        return Publication(FETCHED_KEY, EVENT_CODEC.encode_event(event), flow=event.tenant)
