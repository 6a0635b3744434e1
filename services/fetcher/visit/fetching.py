"""The middle of a visit: read the chosen mails, as far as window, deadline and backpressure allow.

Mails that arrived whole are entered into the ledger even if the mailbox breaks off. The others are deferred,
or left to the next visit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import structlog

from services.fetcher.decide.blame import (
    Consequence,
    blame_refusal,
    blamed_mail,
    consequence,
    says_nothing_new,
)
from services.fetcher.decide.choice import Wanted, oversize_sentence
from services.fetcher.decide.read_failures import LONGEST_PAUSE, ReadFailures
from services.fetcher.flow_control.account_window import AccountWindow
from services.fetcher.flow_control.blob_room import BlobRoom, fitting
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.ingest.ingest import Ingest
from services.fetcher.ingest.ledger_writer import RecordedMail
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, MailBytes, MailStarted, RetrieveEvent
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailureKind
from shared.ports.store import LedgerRow

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits in time. After `deadline` (monotonic) nothing more is requested. `settle_wait`: seconds to
    wait for room in the window. `is_stopping`: the process is about to end.
    """

    deadline: float
    settle_wait: float
    is_stopping: Callable[[], bool]


class Fetching:
    """The reading of one visit.

    `entered` are the mails entered into the ledger, by message; `recognised` those known before; `deferred`
    the keys of those that could not be read. `not_stored` counts the mails that were requested and that we do
    not hold. `broken` is the error that ended the reading; `reached_deadline`: the deadline ended it.
    `problems` are sentences for the operator.
    """

    def __init__(
        self,
        account: Account,
        mailbox: Mailbox,
        ports: Ports,
        read_failures: ReadFailures,
        window: AccountWindow,
        pending: PendingSet,
        bounds: Bounds,
    ) -> None:
        self._account = account
        self._mailbox = mailbox
        self._ports = ports
        self._read_failures = read_failures
        self._window = window
        self._pending = pending
        self._bounds = bounds
        self._room = ports.blob_room or BlobRoom(ports.blobs)
        self._keys: dict[int, LedgerKey] = {}
        self._cut_short = False
        self.entered: dict[str, RecordedMail] = {}
        self.recognised: dict[str, tuple[Listed, LedgerRow]] = {}
        self.deferred: dict[LedgerKey, None] = {}
        self.not_stored = 0
        self.broken: MailferryError | None = None
        self.reached_deadline = False
        self.problems: list[str] = []

    def note_publishing(self, mails: Sequence[RecordedMail]) -> None:
        """Count mails as on their way, before they are published to the router."""
        for each in mails:
            self._window.add_message(each.message, each.octets)

    @property
    def is_usable(self) -> bool:
        """Whether the mailbox can still be used."""
        return self.broken is None or consequence(self.broken) is Consequence.END_IN_ORDER

    async def run(self, wanted: Sequence[Wanted], ingest: Ingest) -> bool:
        """Read what is wanted; return False if some mails had to be left."""
        self._keys = {each.entry.number: each.key for each in wanted}
        asked = 0
        remaining = list(wanted)
        try:
            while remaining and not self._ends and await self._has_room():
                before = len(self.entered)
                portion = self._portion(remaining)
                stored = [ingest.octets_in_blobs(each.entry) for each in portion]
                left = await self._room.left() if any(stored) else None
                count = fitting(stored, left)
                try:
                    if left is not None and not count:
                        remaining = self._without_too_large(remaining, ingest, left)
                        continue
                    with self._room.reserved(sum(stored[:count])):
                        del remaining[:count]
                        asked += count
                        await self._retrieve(ingest, portion[:count])
                finally:
                    self._give_back(len(portion), before)
        finally:
            self._window.close()
            await ingest.close()
        self.recognised = ingest.matcher.recognised
        self.not_stored = asked - len(self.entered) - len(self.recognised) - ingest.unsent
        self._note_refusals(ingest)
        self.reached_deadline = self.reached_deadline or (bool(remaining) and self._is_overdue)
        return not remaining and self.broken is None and not self._cut_short

    def _portion(self, remaining: Sequence[Wanted]) -> Sequence[Wanted]:
        """Reserve room for the first of the mails, as far as the window and the tenant's day allow."""
        limits, tenant = self._ports.daily_limits, self._account.tenant
        today = None if limits is None else limits.room(tenant)
        portion = self._window.reserve_portion(remaining if today is None else remaining[:today])
        if limits is not None:
            limits.reserve(tenant, self._account.id, len(portion))
        return portion

    def _give_back(self, portion: int, entered_before: int) -> None:
        """Take those of a portion off the tenant's day that were not entered."""
        if self._ports.daily_limits is not None:
            unused = portion - (len(self.entered) - entered_before)
            self._ports.daily_limits.reserve(self._account.tenant, self._account.id, -unused)

    @property
    def _ends(self) -> bool:
        return self.broken is not None or self._bounds.is_stopping() or self._is_overdue

    @property
    def _is_overdue(self) -> bool:
        return self._ports.clock.monotonic() >= self._bounds.deadline

    async def _retrieve(self, ingest: Ingest, portion: Sequence[Wanted]) -> None:
        try:
            async for events in self._arriving(portion):
                self._note(await ingest.take_events(events))
        except Exception:
            await self._enter_what_is_stored(ingest)
            raise
        self._note(await ingest.flush())
        self._window.release_portion()

    async def _enter_what_is_stored(self, ingest: Ingest) -> None:
        """Enter the mails that are whole and stored although the visit is about to fail.

        Their delivery makes room where there was none.
        """
        try:
            self._note(await ingest.flush())
        except MailferryError as error:
            log.warning("what was stored is not entered", account=self._account.id, error=error)

    def _without_too_large(self, remaining: Sequence[Wanted], ingest: Ingest, left: int) -> list[Wanted]:
        """Return the mails that the blob store has room for; the others are left to a later visit."""
        self._window.release_portion()
        fit = [each for each in remaining if ingest.octets_in_blobs(each.entry) <= left]
        if not self._cut_short:
            self.problems.append(
                f"{len(remaining) - len(fit)} mails are left at the source for now: they would have to be "
                f"stored, and the blob store has room for {left} octets only"
            )
        self._cut_short = True
        return fit

    async def _arriving(self, portion: Sequence[Wanted]) -> AsyncIterator[Sequence[RetrieveEvent]]:
        unanswered = {wanted.entry.number: wanted.entry for wanted in portion}
        under_way = False
        retrieval = self._mailbox.retrieve([wanted.entry for wanted in portion], self._read_failures.cut)
        try:
            async for events in retrieval:
                for event in events:
                    under_way = isinstance(event, (MailStarted, MailBytes))
                    if not under_way:
                        unanswered.pop(event.entry.number, None)
                yield events
                if unanswered and not under_way and self._ends:
                    self._cut_short, self.reached_deadline = True, self._is_overdue
                    return
        except MailferryError as error:
            self.broken = error
            if (fault := blamed_mail(error, unanswered.values())) is not None:
                self._defer(*fault, str(error))

    def _note(self, entered: Sequence[RecordedMail]) -> None:
        for each in entered:
            self.entered[each.message] = each
            self._read_failures.forget(self._keys[each.entry.number])

    async def _has_room(self) -> bool:
        """Wait until the window has room; return False if it does not open in time, or reading must pause."""
        if self._is_held_back():
            return False
        self._window.remove_messages(self._pending.settled)
        while self._window.is_full:
            if not await self._window.wait_for_room(self._bounds.settle_wait) or self._ends:
                return False
            self._window.remove_messages(self._pending.settled)
        return True

    def _is_held_back(self) -> bool:
        backpressure, daily_limits = self._ports.backpressure, self._ports.daily_limits
        reason = backpressure.reason(self._account) if backpressure else None
        if reason is None and daily_limits is not None:
            reason = daily_limits.reason(self._account.tenant)
        if reason is not None:
            self.problems.append(reason)
        return reason is not None

    def _note_refusals(self, ingest: Ingest) -> None:
        of_all = [refusal for refusal in ingest.refused if refusal.of_all]
        known = [self._read_failures.find(self._keys[refusal.entry.number]) for refusal in of_all]
        if self.broken is not None and says_nothing_new(self.broken, of_all, known):
            self.broken = None
        others_came = bool(self.entered or self.recognised)
        for refusal in ingest.refused:
            failure = self._read_failures.find(self._keys[refusal.entry.number])
            kind, longest = blame_refusal(refusal, failure, others_came=others_came)
            self._defer(refusal.entry, kind, str(refusal.error), longest)
        for entry, octets in ingest.oversize:
            key, most = self._keys[entry.number], self._account.reading.max_size
            self._read_failures.record_oversize(key, octets, most, self._ports.clock.now())
            self.problems.append(oversize_sentence([Wanted(entry._replace(size=octets), key)], most))

    def _defer(
        self, entry: Listed, kind: ReadFailureKind, reason: str, longest: float = LONGEST_PAUSE
    ) -> None:
        key = self._keys[entry.number]
        self._read_failures.record(key, kind, reason, self._ports.clock.now(), entry.size, longest)
        self.deferred[key] = None
