"""Mails that were read are entered into the ledger and told to the router: the hot path of a session.

They are collected into batches; each batch is entered in one transaction, then published in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from shared.model.account import Account, Custody
from shared.model.mailbox import Listed
from shared.ports.broker import Publication
from shared.ports.store import LeaseLost, Receipt
from shared.runtime.checkpoints import reached
from shared.runtime.unrecorded_blobs import RECORD_WITHIN, UnrecordedBlobs

BATCH_MAILS = 200
BATCH_OCTETS = 4 * 1024 * 1024
BATCH_SECONDS = 1.0


class Collected(NamedTuple):
    """A mail that is complete and waits for its batch; `since` is monotonic, in seconds."""

    wanted: Wanted
    message: str
    payload: Payload
    blob: str | None
    fingerprint: Fingerprint
    since: float

    @property
    def own_blob(self) -> Sequence[str]:
        """The blob that is nobody's unless this mail is entered. One of a mail that was known before may be
        needed whatever becomes of this attempt.
        """
        return [self.blob] if self.blob is not None and self.wanted.known is None else []


def _own_blobs(mails: Iterable[Collected]) -> list[str]:
    return [name for each in mails for name in each.own_blob]


class Entered(NamedTuple):
    """A mail that the ledger knows and the router was told of."""

    message: str
    entry: Listed
    octets: int


class LedgerWriter:
    """Of one session, whose lease is `fence`; `message_lease` in seconds. `about_to_publish` is called with
    the mails of a batch before the router can know them.
    """

    def __init__(
        self,
        account: Account,
        fence: Fence,
        ports: Ports,
        *,
        fetcher: str,
        message_lease: float,
        about_to_publish: Callable[[Sequence[Entered]], None],
    ) -> None:
        self._account = account
        self._fence = fence
        self._ports = ports
        self._fetcher = fetcher
        self._message_lease = message_lease
        self._about_to_publish = about_to_publish
        self._pending: list[Collected] = []
        self._pending_octets = 0
        self._unrecorded = ports.unrecorded or UnrecordedBlobs(ports.blobs, ports.clock)

    def collect(self, mail: Collected) -> None:
        """Take a mail into the batch."""
        self._pending.append(mail)
        self._pending_octets += mail.payload.octets

    @property
    def spools(self) -> bool:
        """Whether a mail is to be durable in a blob before the session ends (rule 6)."""
        return self._account.custody is Custody.SPOOL

    @property
    def is_due(self) -> bool:
        """Whether the batch is large enough, or waits for long, as the mails come slowly."""
        if not self._pending:
            return False
        if len(self._pending) >= BATCH_MAILS or self._pending_octets >= BATCH_OCTETS:
            return True
        return self._ports.clock.monotonic() - self._pending[0].since >= BATCH_SECONDS

    async def enter(self, corrections: Corrections) -> list[Entered]:
        """Correct what the ledger knows, then enter and publish the batch."""
        taken, now = self._taken(), self._ports.clock.now()
        late = self._too_late(taken)
        batch = [each for each in taken if each not in late] if late else taken
        receipts = await self._record(batch, late, corrections, now)
        if not batch:
            return []
        reached("fetcher.recorded")
        known = [
            (each, receipt) for each, receipt in zip(batch, receipts, strict=True) if receipt is not None
        ]
        self._unrecorded.mark_recorded(each.blob for each, _ in known if each.blob is not None)
        if len(known) < len(batch):
            unknown = [each for each, receipt in zip(batch, receipts, strict=True) if receipt is None]
            await self._unrecorded.remove_blobs(_own_blobs(unknown))
        entered = [
            Entered(receipt.message, each.wanted.entry, each.payload.octets) for each, receipt in known
        ]
        self._about_to_publish(entered)
        await self._ports.broker.publish(
            [self._publication(each, receipt.fetch_no, now) for each, receipt in known]
        )
        reached("fetcher.published")
        return entered

    async def give_up(self, blobs: Sequence[str]) -> None:
        """Nothing more will be entered: remove the blobs of the mails that were not, and these."""
        names = [*_own_blobs(self._taken()), *blobs]
        if names:
            await self._unrecorded.remove_blobs(names)

    async def remove(self, blobs: Sequence[str]) -> None:
        """Remove blobs that are nobody's."""
        await self._unrecorded.remove_blobs(blobs)

    def _taken(self) -> list[Collected]:
        batch, self._pending, self._pending_octets = self._pending, [], 0
        return batch

    def _too_late(self, batch: Sequence[Collected]) -> list[Collected]:
        """Those whose blobs may be taken for forgotten by now: they are not in our keeping."""
        before = self._ports.clock.monotonic() - RECORD_WITHIN
        return [each for each in batch if each.blob is not None and each.since < before]

    async def _record(
        self,
        batch: Sequence[Collected],
        late: Sequence[Collected],
        corrections: Corrections,
        now: float,
    ) -> Sequence[Receipt | None]:
        """Correct and enter. Whatever is raised, no blob stays of which the ledger knows nothing; nor do
        those of mails that are too late.
        """
        asked = False
        try:
            if late:
                await self._unrecorded.remove_blobs(_own_blobs(late))
            await self._correct(corrections, now)
            if not batch:
                return []
            asked = True
            return await self._ports.ledger.record_fetched(
                self._fence, [self._as_fetched(each) for each in batch], now, self._message_lease
            )
        except BaseException as error:
            if asked and not isinstance(error, LeaseLost):
                self._unrecorded.mark_doubtful(_own_blobs(batch))
            else:
                await self._unrecorded.remove_blobs(_own_blobs(batch))
            raise

    async def _correct(self, corrections: Corrections, now: float) -> None:
        if corrections.places:
            await self._ports.ledger.rename(self._fence, corrections.places, now)
            reached("fetcher.renamed")
        if corrections.replaced:
            await self._ports.ledger.record_gone(self._fence, corrections.replaced, now)
            reached("fetcher.replaced-recorded")

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
            spooled=self.spools,
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
