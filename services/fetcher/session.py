"""One visit to a mailbox: list, plan, delete what is due, retrieve what is new, wait a while, delete that
too, quit.

The order is what keeps the custody: a mail is entered into the ledger before the router is told, and deleted
only after the ledger allowed it. A visit that breaks off leaves everything else to the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from services.fetcher.blame import Consequence, blamed, consequence
from services.fetcher.choice import Wanted, left_where_they_are
from services.fetcher.hints import HintBoard, Watch
from services.fetcher.intake import Entered, Intake, Ports
from services.fetcher.mailbox import Listed, Listing, Mailbox, MailBytes, MailStarted, RetrieveEvent
from services.fetcher.mailbox_errors import OutOfStep
from services.fetcher.plan import Plan, make_plan
from services.fetcher.setbacks import Setbacks
from services.fetcher.window import Window
from shared.custody.commands import Fence
from shared.model.account import Account, Custody
from shared.model.errors import Fault, MailferryError
from shared.model.message import LedgerKey
from shared.model.setback import SetbackKind
from shared.ops.checkpoints import reached
from shared.ports.broker import BrokerUnavailable
from shared.ports.store import Lease, VisitReport

FOLDER = "INBOX"


class NoUniqueIds(MailferryError):
    """The server gives its mails no unique ids, so that a mail cannot be recognised in a later session."""

    fault = Fault.SOURCE


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a visit: mails and octets on their way per account, patience in seconds for settlements.

    `longest_lease` is how many seconds ahead the lease of a mail can end. With `wait_always` the visit waits
    for settlements even where a copy stays at the source.
    """

    window_messages: int = 500
    window_octets: int = 32 * 1024 * 1024
    inline_limit: int = 256 * 1024
    message_lease: float = 900.0
    longest_lease: float = inf
    settle_wait: float = 10.0
    longest_wait: float = 60.0
    wait_always: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """How a visit went, having read `octets` of mail; with `more` the next one is due at once.

    `error` is what it failed with, if it failed in a way that was foreseen.
    """

    report: VisitReport
    more: bool
    octets: int = 0
    error: MailferryError | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known from other visits: of all accounts, and of this one."""

    board: HintBoard
    setbacks: Setbacks


class Session:
    """One visit, from the listing to QUIT."""

    def __init__(
        self,
        account: Account,
        lease: Lease,
        mailbox: Mailbox,
        ports: Ports,
        memory: Memory,
        limits: Limits,
        *,
        fetcher: str,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._account = account
        self._lease = lease
        self._mailbox = mailbox
        self._ports = ports
        self._board = memory.board
        self._setbacks = memory.setbacks
        self._limits = limits
        self._fetcher = fetcher
        self._is_stopping = is_stopping
        self._watch = Watch()
        self._entered: dict[str, Entered] = {}
        self._window = Window(limits.window_messages, limits.window_octets)
        self._deleted = 0
        self._settled_copies = 0
        self._set_aside: dict[LedgerKey, None] = {}
        self._left_off = False
        self._unkept = 0
        self._uidvalidity = 0
        self._problems: list[str] = []
        self._broken: MailferryError | None = None
        self._deadline = ports.clock.monotonic() + account.reading.session_deadline

    @property
    def _fence(self) -> Fence:
        return self._lease.fence

    async def run(self) -> Visit:
        """Visit, and report. Raises MailferryError where the visit broke off; the caller aborts the
        mailbox.
        """
        try:
            return await self._visit()
        finally:
            self._board.forget(self._watch)

    async def _visit(self) -> Visit:
        listing = await self._list()
        plan = await self._plan(listing)
        if plan.gone:
            await self._ports.ledger.record_gone(self._fence, plan.gone, self._ports.clock.now())
        reached("fetcher.gone-recorded")
        await self._delete({each.message: each.entry for each in plan.delete})
        if self._deleted and (self._lease.failures or plan.choice.risky):
            # Only QUIT makes deletions real: where a visit may break off they get a session of their own.
            await self._mailbox.finish()
            return self._report(listing, plan, more=True)
        complete = await self._fetch(plan) and not plan.choice.more
        await self._settle(has_mailbox=self._goes_on)
        if self._broken is not None and consequence(self._broken) is Consequence.FAIL:
            raise self._broken
        if self._goes_on:
            await self._finish()
        reached("fetcher.quit")
        # A visit that got nowhere, as the window never opened, is not repeated at once.
        got_on = bool(self._entered or self._deleted or self._set_aside)
        return self._report(listing, plan, more=not complete and got_on)

    @property
    def _goes_on(self) -> bool:
        """Whether the mailbox can still be used."""
        return self._broken is None or consequence(self._broken) is Consequence.END_IN_ORDER

    async def _finish(self) -> None:
        """QUIT, but where the source consumes what was read (rule 6) not before all of that is in our
        keeping: what was asked for and did not come, or could not be kept, it would hide or delete.
        """
        if self._account.custody is Custody.SPOOL and self._unkept:
            await self._mailbox.abort()
            self._problems.append(
                f"the session was broken off, as {self._unkept} mails that were asked for are not kept, and "
                "its end would consume them at the source"
            )
            self._deleted = 0
            return
        await self._mailbox.finish()

    async def _list(self) -> Listing:
        listing = await self._mailbox.listing()
        self._problems += listing.problems
        self._uidvalidity = listing.uidvalidity
        if listing.entries and not listing.has_uids:
            raise NoUniqueIds(
                f"account {self._account.id}: {self._account.endpoint} offers no unique ids (UIDL); "
                "its mail cannot be recognised again and is left alone"
            )
        return listing

    async def _plan(self, listing: Listing) -> Plan:
        if listing.complete and not listing.nameless:
            self._setbacks.keep_listed(self._key(entry) for entry in listing.entries)
        rows = () if self._lease.is_fresh else await self._ports.ledger.ledger(self._account.id)
        plan = make_plan(
            listing,
            rows,
            folder=FOLDER,
            retention=self._account.retention,
            reading=self._account.reading,
            now=self._ports.clock.now(),
            setbacks=self._setbacks,
            longest_lease=self._limits.longest_lease,
        )
        for each in plan.choice.oversize:
            octets = max(each.entry.size, setback.octets if (setback := self._setbacks.of(each.key)) else 0)
            self._setbacks.leave(each.key, octets, self._account.reading.max_size, self._ports.clock.now())
        limits = self._limits
        self._window = Window(
            limits.window_messages, limits.window_octets, (row.octets for row in plan.in_flight)
        )
        return plan

    async def _fetch(self, plan: Plan) -> bool:
        """Retrieve what is wanted, as far as the window allows; False when some had to be left."""
        if not plan.choice.fetch:
            return True
        self._require_broker()
        intake = self._intake(plan.choice.fetch)
        asked = 0
        remaining = list(plan.choice.fetch)
        try:
            while remaining and not self._ends and await self._has_room():
                portion = self._window.portion(remaining)
                del remaining[: len(portion)]
                asked += len(portion)
                await self._retrieve(intake, portion)
        finally:
            await intake.abandon()
        self._unkept = asked - len(self._entered) - intake.harmless
        self._note_refusals(intake)
        self._left_off = self._left_off or (bool(remaining) and self._is_overdue)
        return not remaining and self._broken is None and not self._left_off

    @property
    def _ends(self) -> bool:
        """Whether no more mail is to be asked for."""
        return self._broken is not None or self._is_stopping() or self._is_overdue

    @property
    def _is_overdue(self) -> bool:
        return self._ports.clock.monotonic() >= self._deadline

    async def _retrieve(self, intake: Intake, portion: Sequence[Wanted]) -> None:
        """Take in what arrives whole, also where the mailbox breaks before the end."""
        async for events in self._arriving(portion):
            self._note(await intake.take(events))
        self._note(await intake.flush())

    async def _arriving(self, portion: Sequence[Wanted]) -> AsyncIterator[Sequence[RetrieveEvent]]:
        unanswered = {wanted.entry.uid: wanted.entry for wanted in portion}
        under_way = False
        retrieval = self._mailbox.retrieve([wanted.entry for wanted in portion], self._setbacks.cut)
        try:
            async for events in retrieval:
                for event in events:
                    under_way = isinstance(event, (MailStarted, MailBytes))
                    if not under_way:
                        unanswered.pop(event.entry.uid, None)
                yield events
                if self._is_overdue and unanswered and not under_way:
                    self._left_off = True
                    return
        except MailferryError as error:
            self._broken = error
            if (fault := blamed(error, unanswered.values())) is not None:
                entry, kind = fault
                self._set_aside_for(entry, kind, str(error))

    def _note(self, entered: Sequence[Entered]) -> None:
        for each in entered:
            self._entered[each.message] = each
            self._window.enter(each.message, each.octets)
            self._setbacks.overcome(self._key(each.entry))

    async def _has_room(self) -> bool:
        """Wait until the window has room; False when it does not open in time, or something else is in the
        way.
        """
        if self._is_restrained():
            return False
        self._window.leave(self._watch.settled)
        while self._window.is_full:
            if not await self._watch.news(self._limits.settle_wait):
                return False
            self._window.leave(self._watch.settled)
        return True

    async def _settle(self, *, has_mailbox: bool) -> None:
        """Wait a short while for settlements, and delete what the ledger then allows."""
        deletes = not self._account.retention.leaves_a_copy
        if not self._entered:
            return
        limits = self._limits
        if (deletes or limits.wait_always) and not self._is_stopping():
            await self._board.all_settled(self._watch, limits.settle_wait, limits.longest_wait)
        if not has_mailbox:
            return
        if deletes:
            await self._delete({message: each.entry for message, each in self._entered.items()})
        else:
            self._settled_copies = len(await self._ports.ledger.settled_among(list(self._entered)))

    async def _delete(self, entries: Mapping[str, Listed]) -> None:
        """Delete those mails (by message) that the ledger shows as settled."""
        if not entries or self._may_not_delete():
            return
        mark = self._ports.epoch.mark if self._ports.epoch else 0
        allowed = await self._ports.ledger.start_deleting(
            self._fence, list(entries), self._ports.clock.now(), mark
        )
        reached("fetcher.deleting-recorded")
        deleted = await self._mailbox.delete([entries[message] for message in allowed])
        reached("fetcher.deleted")
        self._deleted += len(deleted)

    def _intake(self, fetch: Sequence[Wanted]) -> Intake:
        return Intake(
            self._account,
            self._fence,
            {wanted.entry.number: wanted for wanted in fetch},
            self._ports,
            fetcher=self._fetcher,
            inline_limit=self._limits.inline_limit,
            message_lease=self._limits.message_lease,
            about_to_publish=lambda messages: self._board.watch(self._watch, messages),
        )

    def _may_not_delete(self) -> bool:
        problem = self._ports.epoch.problem() if self._ports.epoch else None
        if problem is not None and problem not in self._problems:
            self._problems.append(problem)
        return problem is not None

    def _is_restrained(self) -> bool:
        restraint = self._ports.restraint
        reason = restraint.reason(self._account) if restraint else None
        if reason is not None:
            self._problems.append(reason)
        return reason is not None

    def _require_broker(self) -> None:
        problem = self._ports.broker.problem()
        if problem is not None:
            raise BrokerUnavailable(f"account {self._account.id}: nothing is fetched while {problem}")

    def _note_refusals(self, intake: Intake) -> None:
        for refusal in intake.refused:
            kind = SetbackKind.CUT if isinstance(refusal.error, OutOfStep) else SetbackKind.REFUSED
            self._set_aside_for(refusal.entry, kind, str(refusal.error))
        for entry, octets in intake.oversize:
            key, most = self._key(entry), self._account.reading.max_size
            self._setbacks.leave(key, octets, most, self._ports.clock.now())
            self._problems.append(left_where_they_are([Wanted(entry._replace(size=octets), key)], most))

    def _set_aside_for(self, entry: Listed, kind: SetbackKind, reason: str, octets: int = 0) -> None:
        key = self._key(entry)
        self._setbacks.add(key, kind, reason, self._ports.clock.now(), octets or entry.size)
        self._set_aside[key] = None

    def _key(self, entry: Listed) -> LedgerKey:
        return LedgerKey(FOLDER, self._uidvalidity, entry.uid)

    def _report(self, listing: Listing, plan: Plan, *, more: bool) -> Visit:
        waiting = max(0, len(listing.entries) - plan.kept - self._deleted - self._settled_copies)
        waiting += plan.hidden
        broken = self._broken
        failed = broken is not None and consequence(broken) is Consequence.END_IN_ORDER
        report = VisitReport(
            problem="; ".join([*self._problems, *self._troubles(plan)]) or None,
            failed=failed,
            fetched=len(self._entered),
            deleted=self._deleted,
            waiting=waiting,
            temporary=broken.temporary if failed and broken is not None else True,
        )
        octets = sum(each.octets for each in self._entered.values())
        return Visit(report, more and not failed, octets, broken if failed else None)

    def _troubles(self, plan: Plan) -> list[str]:
        """What the operator should know, apart from what the listing said."""
        sentences = [*self._mailbox.remarks]
        if self._broken is not None:
            sentences.append(str(self._broken))
        if self._left_off:
            sentences.append("the session reached its deadline; the next one goes on")
        aside = [*self._set_aside, *(each.key for each in plan.choice.put_off)]
        sentences += self._setbacks.sentences(aside, self._ports.clock.now())
        if left := plan.choice.oversize:
            sentences.append(left_where_they_are(left, self._account.reading.max_size))
        return sentences
