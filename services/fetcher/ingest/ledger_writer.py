"""Records the mails that were read in the ledger and publishes them to the router: the hot path of a visit.

The mails are collected into batches. Each batch is recorded in one transaction, then published together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.fingerprint import Fingerprint
from services.fetcher.decide.oversize import park_reason
from services.fetcher.ingest.message_matcher import Corrections
from services.fetcher.ingest.ports import Ports
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, Payload
from shared.contract.topology import FETCHED_KEY
from shared.custody.commands import Fence, FetchedMail
from shared.model.account import Account, CustodyMode
from shared.model.batcher import Batcher
from shared.model.mailbox import Listed
from shared.ports.broker import Publication
from shared.ports.store import LeaseLost, Receipt
from shared.runtime.batch_tracing import TracedMail, traced_batch
from shared.runtime.checkpoints import reached
from shared.runtime.unrecorded_blobs import RECORD_WITHIN, UnrecordedBlobs

BATCH_MAILS = 200
BATCH_OCTETS = 4 * 1024 * 1024
BATCH_SECONDS = 1.0
"""Seconds from the first mail of a batch to its transaction, where mails arrive slowly."""


class ReceivedMail(NamedTuple):
    """A mail that is complete and not recorded yet; `since` is monotonic, in seconds."""

    wanted: Wanted
    message: str
    payload: Payload
    blob: str | None
    fingerprint: Fingerprint
    since: float

    @property
    def own_blob(self) -> Sequence[str]:
        """The blob that belongs to no mail unless this one is recorded. The blob of a mail that was known
        before may be needed whatever becomes of this attempt.
        """
        return [self.blob] if self.blob is not None and self.wanted.known is None else []


def _own_blobs(mails: Iterable[ReceivedMail]) -> list[str]:
    return [name for each in mails for name in each.own_blob]


class RecordedMail(NamedTuple):
    """A mail that is in the ledger."""

    message: str
    entry: Listed
    octets: int


class LedgerWriter:
    """Writes the mails of one visit, whose lease is `fence`; `message_lease` is in seconds.
    `about_to_publish` is called with the mails of a batch before the router can know them.
    """

    def __init__(
        self,
        account: Account,
        fence: Fence,
        ports: Ports,
        *,
        fetcher: str,
        message_lease: float,
        about_to_publish: Callable[[Sequence[RecordedMail]], None],
    ) -> None:
        self._account = account
        self._fence = fence
        self._ports = ports
        self._fetcher = fetcher
        self._message_lease = message_lease
        self._about_to_publish = about_to_publish
        self._batcher: Batcher[ReceivedMail] = Batcher(BATCH_MAILS, BATCH_OCTETS, BATCH_SECONDS)
        self._unrecorded = ports.unrecorded_blobs or UnrecordedBlobs(ports.blobs, ports.clock)

    def add_mail(self, mail: ReceivedMail) -> None:
        """Add a mail to the batch."""
        self._batcher.add_item(mail, mail.payload.octets, mail.since)

    @property
    def spools(self) -> bool:
        """Whether each mail has to be durable in a blob before the session ends (rule 6)."""
        return self._account.custody is CustodyMode.SPOOL

    @property
    def is_due(self) -> bool:
        """Whether the batch should be written now."""
        return self._batcher.is_due(self._ports.clock.monotonic())

    async def write_batch(self, corrections: Corrections) -> list[RecordedMail]:
        """Correct the ledger, then record and publish the batch; return the mails that were recorded."""
        taken, now = self._batcher.take_batch(), self._ports.clock.now()
        late = self._too_late(taken)
        batch = [each for each in taken if each not in late] if late else taken
        steps = [TracedMail(each.message) for each in batch]
        with traced_batch(self._ports.tracing, "fetch", steps) as traces:
            receipts = await self._record(batch, late, corrections, now)
            return await self._publish(batch, receipts, now, traces) if batch else []

    async def _publish(
        self,
        batch: Sequence[ReceivedMail],
        receipts: Sequence[Receipt | None],
        now: float,
        traces: Mapping[str, str],
    ) -> list[RecordedMail]:
        reached("fetcher.recorded")
        known = [
            (each, receipt) for each, receipt in zip(batch, receipts, strict=True) if receipt is not None
        ]
        self._unrecorded.mark_recorded(each.blob for each, _ in known if each.blob is not None)
        if len(known) < len(batch):
            unknown = [each for each, receipt in zip(batch, receipts, strict=True) if receipt is None]
            await self._unrecorded.remove_blobs(_own_blobs(unknown))
        recorded = [
            RecordedMail(receipt.message, each.wanted.entry, each.payload.octets) for each, receipt in known
        ]
        self._about_to_publish(recorded)
        await self._ports.broker.publish(
            [self._publication(each, receipt.fetch_no, now, traces) for each, receipt in known]
        )
        reached("fetcher.published")
        return recorded

    async def discard(self, blobs: Sequence[str]) -> None:
        """Remove these blobs, and those of the mails that were not recorded: the visit is over."""
        names = [*_own_blobs(self._batcher.take_batch()), *blobs]
        if names:
            await self._unrecorded.remove_blobs(names)

    async def remove_blobs(self, blobs: Sequence[str]) -> None:
        """Remove blobs that belong to no mail."""
        await self._unrecorded.remove_blobs(blobs)

    def _too_late(self, batch: Sequence[ReceivedMail]) -> list[ReceivedMail]:
        """Return the mails whose blobs may be removed as unrecorded by now: they are not in custody."""
        before = self._ports.clock.monotonic() - RECORD_WITHIN
        return [each for each in batch if each.blob is not None and each.since < before]

    async def _record(
        self,
        batch: Sequence[ReceivedMail],
        late: Sequence[ReceivedMail],
        corrections: Corrections,
        now: float,
    ) -> Sequence[Receipt | None]:
        """Correct the ledger and record the batch. The blobs of mails that are too late are removed. Whatever
        is raised, no blob stays of which the ledger knows nothing.
        """
        store_was_asked = False
        try:
            if late:
                await self._unrecorded.remove_blobs(_own_blobs(late))
            await self._correct(corrections, now)
            if not batch:
                return []
            store_was_asked = True
            return await self._ports.ledger.record_fetched(
                self._fence, [self._as_fetched(each) for each in batch], now, self._message_lease
            )
        except BaseException as error:
            if store_was_asked and not isinstance(error, LeaseLost):
                self._unrecorded.mark_doubtful(_own_blobs(batch))
            else:
                await self._unrecorded.remove_blobs(_own_blobs(batch))
            raise

    async def _correct(self, corrections: Corrections, now: float) -> None:
        if corrections.moved:
            await self._ports.ledger.rename_mails(self._fence, corrections.moved, now)
            reached("fetcher.renamed")
        if corrections.replaced:
            await self._ports.ledger.record_gone(self._fence, corrections.replaced, now)
            reached("fetcher.replaced-recorded")

    def _as_fetched(self, each: ReceivedMail) -> FetchedMail:
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
            spooled=self.spools,
            object_id=each.wanted.entry.object_id,
        )

    def _publication(
        self, each: ReceivedMail, fetch_no: int, now: float, traces: Mapping[str, str]
    ) -> Publication:
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
            revision=self._ports.revision(),
            trace=traces.get(each.message, ""),
        )
        return Publication(FETCHED_KEY, EVENT_CODEC.encode_event(event), flow=event.tenant)
