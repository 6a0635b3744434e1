"""One visit to a mailbox: list, plan, delete what is due, retrieve what is new, wait a while, delete that
too, quit.

The order is what keeps the custody: a mail is entered into the ledger before the router is told, and deleted
only after the ledger allowed it. A visit that breaks off leaves everything else to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from services.fetcher.blame import Consequence, consequence
from services.fetcher.choice import Wanted, left_where_they_are
from services.fetcher.fetching import Bounds, Fetching
from services.fetcher.hints import HintBoard, Watch
from services.fetcher.intake import Intake, Ports
from services.fetcher.mailbox import Listed, Listing, Mailbox
from services.fetcher.plan import Plan, make_plan, why_gone
from services.fetcher.recheck import rechecked
from services.fetcher.recognition import Recognition
from services.fetcher.setbacks import Setbacks
from services.fetcher.window import Window
from shared.custody.commands import Fence
from shared.custody.decide import is_on_its_way
from shared.model.account import Account, Custody
from shared.model.errors import Fault, MailferryError
from shared.model.message import DELETABLE, LedgerKey, MessageStatus
from shared.ops.checkpoints import reached
from shared.ports.broker import BrokerUnavailable
from shared.ports.store import Lease, LedgerRow, VisitReport

FOLDER = "INBOX"


class NoUniqueIds(MailferryError):
    """Copies are to be left on a server that gives its mails no unique ids."""

    temporary = False
    fault = Fault.OPERATOR


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
        self._deleted = 0
        self._settled_copies = 0
        self._rows: dict[str, LedgerRow] = {}
        self._recognition = Recognition()
        self._problems: list[str] = []
        deadline = ports.clock.monotonic() + account.reading.session_deadline
        self._bounds = Bounds(deadline, limits.settle_wait, is_stopping)

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
        plan = await rechecked(await self._plan(listing), self._rows, self._mailbox)
        if plan.gone:
            await self._ports.ledger.record_gone(self._fence, plan.gone, self._ports.clock.now())
        reached("fetcher.gone-recorded")
        await self._delete({each.message: each.entry for each in plan.delete})
        if self._deleted and (self._lease.failures or plan.choice.risky):
            # Only QUIT makes deletions real: where a visit may break off they get a session of their own.
            await self._mailbox.finish()
            return self._report(listing, plan, self._fetching(plan), more=True)
        fetching = self._fetching(plan)
        complete = await self._fetch(plan, fetching) and not plan.choice.more
        await self._conclude_recognition(plan, fetching, complete=complete)
        await self._settle(fetching)
        if fetching.broken is not None and consequence(fetching.broken) is Consequence.FAIL:
            raise fetching.broken
        if fetching.goes_on:
            await self._finish(fetching.unkept)
        reached("fetcher.quit")
        # A visit that got nowhere, as the window never opened, is not repeated at once.
        got_on = bool(fetching.entered or self._deleted or fetching.set_aside)
        return self._report(listing, plan, fetching, more=not complete and got_on)

    async def _conclude_recognition(self, plan: Plan, fetching: Fetching, *, complete: bool) -> None:
        """Delete what was recognised and is due; what was looked for everywhere and is not there is gone."""
        now, retention = self._ports.clock.now(), self._account.retention
        settled = {
            message: each for message, each in fetching.recognised.items() if each[1].status in DELETABLE
        }
        due = {
            message: entry
            for message, (entry, row) in settled.items()
            if row.status is MessageStatus.DELETING or retention.is_over(row.first_fetched_at, now)
        }
        if fetching.goes_on:
            await self._delete(due)
        self._settled_copies += len(settled) - len(due)
        if complete and not (plan.choice.put_off or plan.choice.oversize or fetching.set_aside):
            left = [row for row in self._recognition.left if not self._is_on_its_way(row)]
            gone = {row.message: why_gone(row) for row in left}
            if gone:
                await self._ports.ledger.record_gone(self._fence, gone, now)

    def _is_on_its_way(self, row: LedgerRow) -> bool:
        longest = self._limits.longest_lease
        return is_on_its_way(row.status, row.lease_until, self._ports.clock.now(), longest)

    def _may_come_back(self, row: LedgerRow) -> bool:
        """Whether a mail that is known need not be entered again."""
        held = row.unbacked and row.blob is not None
        return held or row.status in DELETABLE or self._is_on_its_way(row)

    async def _finish(self, unkept: int) -> None:
        """QUIT, but where the source consumes what was read (rule 6) not before all of that is in our
        keeping: what was asked for and did not come, or could not be kept, it would hide or delete.
        """
        if self._account.custody is Custody.SPOOL and unkept:
            await self._mailbox.abort()
            self._problems.append(
                f"the session was broken off, as {unkept} mails that were asked for are not kept, and "
                "its end would consume them at the source"
            )
            self._deleted = 0
            return
        await self._mailbox.finish()

    async def _list(self) -> Listing:
        listing = await self._mailbox.listing()
        self._problems += listing.problems
        if listing.entries and not listing.has_uids and self._account.retention.leaves_a_copy:
            raise NoUniqueIds(
                f"account {self._account.id}: {self._account.endpoint} offers no unique ids (UIDL), so no "
                'copy can be left there; with retention = "delete" its mail is fetched'
            )
        return listing

    async def _plan(self, listing: Listing) -> Plan:
        if listing.complete and not listing.nameless:
            validity = listing.uidvalidity
            self._setbacks.keep_listed(LedgerKey(FOLDER, validity, entry.uid) for entry in listing.entries)
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
        self._rows = {row.message: row for row in rows}
        self._recognition = Recognition(plan.unnamed, plan.moved, self._may_come_back)
        return plan

    def _fetching(self, plan: Plan) -> Fetching:
        limits = self._limits
        already = (row.octets for row in plan.in_flight)
        return Fetching(
            self._account,
            self._mailbox,
            self._ports,
            self._setbacks,
            Window(limits.window_messages, limits.window_octets, already),
            self._watch,
            self._bounds,
        )

    async def _fetch(self, plan: Plan, fetching: Fetching) -> bool:
        """Retrieve what is wanted; False when some had to be left."""
        if not plan.choice.fetch:
            return True
        self._require_broker()
        intake = self._intake(plan.choice.fetch)
        intake.recognition = self._recognition
        return await fetching.run(plan.choice.fetch, intake)

    async def _settle(self, fetching: Fetching) -> None:
        """Wait a short while for settlements, and delete what the ledger then allows."""
        deletes = not self._account.retention.leaves_a_copy
        entered = fetching.entered
        if not entered:
            return
        limits = self._limits
        if (deletes or limits.wait_always) and not self._is_stopping():
            await self._board.all_settled(self._watch, limits.settle_wait, limits.longest_wait)
        if not fetching.goes_on:
            return
        if deletes:
            await self._delete({message: each.entry for message, each in entered.items()})
        else:
            self._settled_copies += len(await self._ports.ledger.settled_among(list(entered)))

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

    def _require_broker(self) -> None:
        problem = self._ports.broker.problem()
        if problem is not None:
            raise BrokerUnavailable(f"account {self._account.id}: nothing is fetched while {problem}")

    def _report(self, listing: Listing, plan: Plan, fetching: Fetching, *, more: bool) -> Visit:
        waiting = max(0, len(listing.entries) - plan.kept - self._deleted - self._settled_copies)
        waiting += plan.hidden
        broken = fetching.broken
        failed = broken is not None and consequence(broken) is Consequence.END_IN_ORDER
        report = VisitReport(
            problem="; ".join([*self._problems, *self._troubles(plan, fetching)]) or None,
            failed=failed,
            fetched=len(fetching.entered),
            deleted=self._deleted,
            waiting=waiting,
            temporary=broken.temporary if failed and broken is not None else True,
        )
        octets = sum(each.octets for each in fetching.entered.values())
        return Visit(report, more and not failed, octets, broken if failed else None)

    def _troubles(self, plan: Plan, fetching: Fetching) -> list[str]:
        """What the operator should know, apart from what the listing said."""
        sentences = [*fetching.problems, *self._mailbox.remarks]
        if renamed := sum(bool(entry.uid) for entry, _ in fetching.recognised.values()):
            sentences.append(
                f"{renamed} mails have other unique ids than before; they were recognised by their content "
                "and are not delivered again"
            )
        if fetching.broken is not None:
            sentences.append(str(fetching.broken))
        if fetching.left_off:
            sentences.append("the session reached its deadline; the next one goes on")
        aside = [*fetching.set_aside, *(each.key for each in plan.choice.put_off)]
        sentences += self._setbacks.sentences(aside, self._ports.clock.now())
        if left := plan.choice.oversize:
            sentences.append(left_where_they_are(left, self._account.reading.max_size))
        return sentences
