"""The middle of a visit: what was chosen is read and taken in as far as window, deadline and restraint allow.

What arrives whole is taken in also where the mailbox breaks before the end; the rest is set aside or left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import structlog

from services.fetcher.decide.blame import Consequence, blame, blamed, consequence, says_nothing_new
from services.fetcher.decide.choice import Wanted, left_where_they_are
from services.fetcher.decide.read_failures import LONGEST_DISTANCE, ReadFailures
from services.fetcher.flow_control.account_window import AccountWindow
from services.fetcher.flow_control.blob_room import BlobRoom, fitting
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.ingest.ingest import Ingest
from services.fetcher.ingest.ledger_writer import RecordedMail
from services.fetcher.ingest.ports import Ports
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, Mailbox, MailBytes, MailStarted, RetrieveEvent
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailureKind
from shared.ports.store import LedgerRow

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class Bounds:
    """`deadline` is a moment of the monotonic clock, after which no more is asked for; `patience` in seconds
    for room in the window. `is_stopping`: the process comes to its end.
    """

    deadline: float
    patience: float
    is_stopping: Callable[[], bool]


class Fetching:
    """Of one visit. `entered` are the mails taken in, by message; `recognised` those known before;
    `set_aside` those that could not be read; `unkept` counts what was asked for and is not in our keeping.
    `broken` is what ended the reading, if something did; `left_off`: the deadline did. `problems` are
    sentences for the operator.
    """

    def __init__(
        self,
        account: Account,
        mailbox: Mailbox,
        ports: Ports,
        setbacks: ReadFailures,
        window: AccountWindow,
        watch: PendingSet,
        bounds: Bounds,
    ) -> None:
        self._account = account
        self._mailbox = mailbox
        self._ports = ports
        self._setbacks = setbacks
        self._window = window
        self._watch = watch
        self._bounds = bounds
        self._room = ports.blob_room or BlobRoom(ports.blobs)
        self._keys: dict[int, LedgerKey] = {}
        self._cut_short = False
        self.entered: dict[str, RecordedMail] = {}
        self.recognised: dict[str, tuple[Listed, LedgerRow]] = {}
        self.set_aside: dict[LedgerKey, None] = {}
        self.unkept = 0
        self.broken: MailferryError | None = None
        self.left_off = False
        self.problems: list[str] = []

    def setting_out(self, mails: Sequence[RecordedMail]) -> None:
        """These were entered into the ledger, and the router is told next."""
        for each in mails:
            self._window.add_message(each.message, each.octets)

    @property
    def goes_on(self) -> bool:
        """Whether the mailbox can still be used."""
        return self.broken is None or consequence(self.broken) is Consequence.END_IN_ORDER

    async def run(self, wanted: Sequence[Wanted], intake: Ingest) -> bool:
        """Read what is wanted; False when some had to be left."""
        self._keys = {each.entry.number: each.key for each in wanted}
        asked = 0
        remaining = list(wanted)
        try:
            while remaining and not self._ends and await self._has_room():
                portion = self._window.reserve_portion(remaining)
                stored = [intake.octets_in_blobs(each.entry) for each in portion]
                left = await self._room.left() if any(stored) else None
                count = fitting(stored, left)
                if left is not None and not count:
                    remaining = self._without_too_large(remaining, intake, left)
                    continue
                with self._room.reserved(sum(stored[:count])):
                    del remaining[:count]
                    asked += count
                    await self._retrieve(intake, portion[:count])
        finally:
            self._window.close()
            await intake.close()
        self.recognised = intake.matcher.recognised
        self.unkept = asked - len(self.entered) - len(self.recognised) - intake.unsent
        self._note_refusals(intake)
        self.left_off = self.left_off or (bool(remaining) and self._is_overdue)
        return not remaining and self.broken is None and not self._cut_short

    @property
    def _ends(self) -> bool:
        return self.broken is not None or self._bounds.is_stopping() or self._is_overdue

    @property
    def _is_overdue(self) -> bool:
        return self._ports.clock.monotonic() >= self._bounds.deadline

    async def _retrieve(self, intake: Ingest, portion: Sequence[Wanted]) -> None:
        try:
            async for events in self._arriving(portion):
                self._note(await intake.take_events(events))
        except Exception:
            await self._enter_what_is_stored(intake)
            raise
        self._note(await intake.flush())
        self._window.release_portion()

    async def _enter_what_is_stored(self, intake: Ingest) -> None:
        """The visit is about to fail: what is whole and stored goes on its way all the same, which also makes
        room where there was none.
        """
        try:
            self._note(await intake.flush())
        except MailferryError as error:
            log.warning("what was stored is not entered", account=self._account.id, error=error)

    def _without_too_large(self, remaining: Sequence[Wanted], intake: Ingest, left: int) -> list[Wanted]:
        """Those that there is room for; the others wait at the source for a later visit."""
        self._window.release_portion()
        fit = [each for each in remaining if intake.octets_in_blobs(each.entry) <= left]
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
        retrieval = self._mailbox.retrieve([wanted.entry for wanted in portion], self._setbacks.cut)
        try:
            async for events in retrieval:
                for event in events:
                    under_way = isinstance(event, (MailStarted, MailBytes))
                    if not under_way:
                        unanswered.pop(event.entry.number, None)
                yield events
                if unanswered and not under_way and self._ends:
                    self._cut_short, self.left_off = True, self._is_overdue
                    return
        except MailferryError as error:
            self.broken = error
            if (fault := blamed(error, unanswered.values())) is not None:
                self._set_aside(*fault, str(error))

    def _note(self, entered: Sequence[RecordedMail]) -> None:
        for each in entered:
            self.entered[each.message] = each
            self._setbacks.overcome(self._keys[each.entry.number])

    async def _has_room(self) -> bool:
        """Wait until the window has room; False when it does not open in time, or something else is in the
        way.
        """
        if self._is_restrained():
            return False
        self._window.remove_messages(self._watch.settled)
        while self._window.is_full:
            if not await self._window.wait_for_room(self._bounds.patience) or self._ends:
                return False
            self._window.remove_messages(self._watch.settled)
        return True

    def _is_restrained(self) -> bool:
        restraint = self._ports.backpressure
        reason = restraint.reason(self._account) if restraint else None
        if reason is not None:
            self.problems.append(reason)
        return reason is not None

    def _note_refusals(self, intake: Ingest) -> None:
        of_all = [refusal for refusal in intake.refused if refusal.of_all]
        known = [self._setbacks.of(self._keys[refusal.entry.number]) for refusal in of_all]
        if self.broken is not None and says_nothing_new(self.broken, of_all, known):
            self.broken = None
        others_came = bool(self.entered or self.recognised)
        for refusal in intake.refused:
            setback = self._setbacks.of(self._keys[refusal.entry.number])
            kind, longest = blame(refusal, setback, others_came=others_came)
            self._set_aside(refusal.entry, kind, str(refusal.error), longest)
        for entry, octets in intake.oversize:
            key, most = self._keys[entry.number], self._account.reading.max_size
            self._setbacks.leave(key, octets, most, self._ports.clock.now())
            self.problems.append(left_where_they_are([Wanted(entry._replace(size=octets), key)], most))

    def _set_aside(
        self, entry: Listed, kind: ReadFailureKind, reason: str, longest: float = LONGEST_DISTANCE
    ) -> None:
        key = self._keys[entry.number]
        self._setbacks.add(key, kind, reason, self._ports.clock.now(), entry.size, longest)
        self.set_aside[key] = None
