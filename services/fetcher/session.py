"""One visit to a mailbox: list, plan, delete what is due, retrieve what is new, wait a while, delete that
too, quit.

The order is what keeps the custody: a mail is entered into the ledger before the router is told, and deleted
only after the ledger allowed it. A visit that breaks off leaves everything else to the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.fetcher.hints import HintBoard, Watch
from services.fetcher.intake import Entered, Intake, Ports
from services.fetcher.mailbox import Listed, Listing, Mailbox, MailBytes, MailStarted, RetrieveEvent
from services.fetcher.plan import Plan, Wanted, make_plan
from services.fetcher.suspects import Suspects
from services.fetcher.window import Window
from shared.custody.commands import Fence
from shared.model.account import Account
from shared.model.errors import Fault, MailferryError, quoted
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

    With `wait_always` the visit waits for settlements even where a copy stays at the source.
    """

    window_messages: int = 500
    window_octets: int = 32 * 1024 * 1024
    inline_limit: int = 256 * 1024
    message_lease: float = 900.0
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
    """What a process remembers beyond one visit."""

    board: HintBoard
    suspects: Suspects


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
        self._suspects = memory.suspects
        self._limits = limits
        self._fetcher = fetcher
        self._is_stopping = is_stopping
        self._watch = Watch()
        self._entered: dict[str, Entered] = {}
        self._window = Window(limits.window_messages, limits.window_octets)
        self._deleted = 0
        self._settled_copies = 0
        self._problems: list[str] = []
        self._broken: MailferryError | None = None

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
        if self._deleted and self._lease.failures:
            # Only QUIT makes deletions real: after a visit that broke off they get a session of their own.
            await self._mailbox.finish()
            return self._report(listing, plan, more=True)
        complete = await self._fetch(plan) and not plan.more
        await self._settle()
        await self._mailbox.finish()
        reached("fetcher.quit")
        # A visit that got nowhere, as the window never opened, is not repeated at once.
        return self._report(listing, plan, more=not complete and bool(self._entered or self._deleted))

    async def _list(self) -> Listing:
        listing = await self._mailbox.listing()
        self._problems += listing.problems
        if listing.entries and not listing.has_uids:
            raise NoUniqueIds(
                f"account {self._account.id}: {self._account.endpoint} offers no unique ids (UIDL); "
                "its mail cannot be recognised again and is left alone"
            )
        return listing

    async def _plan(self, listing: Listing) -> Plan:
        rows = () if self._lease.is_fresh else await self._ports.ledger.ledger(self._account.id)
        plan = make_plan(
            listing,
            rows,
            folder=FOLDER,
            retention=self._account.retention,
            max_messages=self._account.reading.max_messages,
            now=self._ports.clock.now(),
            suspects=self._suspects.among(self._account.id, [entry.uid for entry in listing.entries]),
        )
        limits = self._limits
        self._window = Window(
            limits.window_messages, limits.window_octets, (row.octets for row in plan.in_flight)
        )
        return plan

    async def _fetch(self, plan: Plan) -> bool:
        """Retrieve what is wanted, as far as the window allows; False when some had to be left."""
        if not plan.fetch:
            return True
        self._require_broker()
        intake = self._intake(plan.fetch)
        remaining = list(plan.fetch)
        try:
            while remaining and not self._is_stopping() and await self._has_room():
                portion = self._window.portion(remaining)
                del remaining[: len(portion)]
                await self._retrieve(intake, portion)
        finally:
            await intake.abandon()
        self._note_refusals(intake)
        return not remaining

    async def _retrieve(self, intake: Intake, portion: Sequence[Wanted]) -> None:
        """Take in what arrives whole, also where the mailbox breaks before the end; that is raised then."""
        async for events in self._arriving(portion):
            self._note(await intake.take(events))
        self._note(await intake.flush())
        if self._broken is not None:
            raise self._broken

    async def _arriving(self, portion: Sequence[Wanted]) -> AsyncIterator[Sequence[RetrieveEvent]]:
        unanswered = {wanted.entry.uid: None for wanted in portion}
        try:
            async for events in self._mailbox.retrieve([wanted.entry for wanted in portion]):
                for event in events:
                    if not isinstance(event, (MailStarted, MailBytes)):
                        unanswered.pop(event.entry.uid, None)
                yield events
        except MailferryError as error:
            self._broken = error
            for uid in list(unanswered)[:1]:
                self._suspects.add(self._account.id, uid)

    def _note(self, entered: Sequence[Entered]) -> None:
        for each in entered:
            self._entered[each.message] = each
            self._window.enter(each.message, each.octets)

    async def _has_room(self) -> bool:
        """Wait until the window has room; False when it does not open in time."""
        self._window.leave(self._watch.settled)
        while self._window.is_full:
            if not await self._watch.news(self._limits.settle_wait):
                return False
            self._window.leave(self._watch.settled)
        return True

    async def _settle(self) -> None:
        """Wait a short while for settlements, and delete what the ledger then allows."""
        deletes = not self._account.retention.leaves_a_copy
        if not self._entered:
            return
        limits = self._limits
        if (deletes or limits.wait_always) and not self._is_stopping():
            await self._board.all_settled(self._watch, limits.settle_wait, limits.longest_wait)
        if deletes:
            await self._delete({message: each.entry for message, each in self._entered.items()})
        else:
            self._settled_copies = len(await self._ports.ledger.settled_among(list(self._entered)))

    async def _delete(self, entries: Mapping[str, Listed]) -> None:
        """Delete those mails (by message) that the ledger shows as settled."""
        if not entries:
            return
        allowed = await self._ports.ledger.start_deleting(self._fence, list(entries), self._ports.clock.now())
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

    def _require_broker(self) -> None:
        problem = self._ports.broker.problem()
        if problem is not None:
            raise BrokerUnavailable(f"account {self._account.id}: nothing is fetched while {problem}")

    def _note_refusals(self, intake: Intake) -> None:
        self._problems += [
            f"mail {quoted(refusal.entry.uid, 80)} is not handed out: {refusal.error}"
            for refusal in intake.refused
        ]

    def _report(self, listing: Listing, plan: Plan, *, more: bool) -> Visit:
        waiting = max(0, len(listing.entries) - plan.kept - self._deleted - self._settled_copies)
        report = VisitReport(
            problem="; ".join(self._problems) or None,
            fetched=len(self._entered),
            deleted=self._deleted,
            waiting=waiting,
        )
        return Visit(report, more, sum(each.octets for each in self._entered.values()))
