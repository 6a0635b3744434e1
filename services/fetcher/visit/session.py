"""One visit to a mailbox: list, plan, delete what is due, read what is new, wait for settlements, delete what
is settled, end the session.

Custody depends on the order: a mail is entered into the ledger before it is published to the router, and
deleted only after the ledger allowed it. A visit that breaks off leaves everything else to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.fetcher.decide.blame import Consequence, consequence
from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.content_index import ContentIndex
from services.fetcher.decide.plan import Plan, missing_mails, settled_outcome
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.flow_control.account_window import AccountWindow
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.flow_control.tenant_quota import QuotaLimit
from services.fetcher.ingest.ingest import Ingest
from services.fetcher.ingest.ledger_writer import LedgerWriter, RecordedMail
from services.fetcher.ingest.message_matcher import MessageMatcher
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.visit.deletion import Deletion
from services.fetcher.visit.fetching import Bounds, Fetching
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.mailbox_look import retention_in_force
from services.fetcher.visit.mailbox_memory import MailboxMemory
from services.fetcher.visit.mailbox_scanner import MailboxScan, MailboxScanner
from services.fetcher.visit.report import Visit, problem_sentences, visit_report
from shared.model.account import Account
from shared.model.message import MessageStatus
from shared.ports.broker import BrokerUnavailable
from shared.ports.store import Lease
from shared.runtime.checkpoints import reached


class Session:
    """One visit, from the listing to the end of the session.

    `state` is to be remembered of the account, also if the visit breaks off; None before the scan.
    """

    def __init__(  # noqa: PLR0913 - each is a collaborator of its own
        self,
        account: Account,
        lease: Lease,
        mailbox: Mailbox,
        ports: Ports,
        settlements: SettlementTracker,
        read_failures: ReadFailures,
        limits: Limits,
        *,
        fetcher: str,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._account = account
        self._lease = lease
        self._mailbox = mailbox
        self._ports = ports
        self._settlements = settlements
        self._read_failures = read_failures
        self._limits = limits
        self._fetcher = fetcher
        self._is_stopping = is_stopping
        self._pending = PendingSet()
        self._deletion = Deletion(account, lease.fence, mailbox, ports)
        self._settled_copies = 0
        self._settled: set[str] = set()
        self._reading: Fetching | None = None
        self.state: str | None = None
        deadline = ports.clock.monotonic() + account.reading.session_deadline
        self._bounds = Bounds(deadline, limits.settle_wait, is_stopping)

    @property
    def fetched(self) -> int:
        """How many mails were entered into the ledger so far."""
        return len(self._reading.entered) if self._reading is not None else 0

    @property
    def octets(self) -> int:
        """The octets of those mails."""
        entered = self._reading.entered.values() if self._reading is not None else ()
        return sum(each.octets for each in entered)

    async def run(self) -> Visit:
        """Visit the mailbox and return the report.

        Raises `MailferryError` where the visit broke off. The caller aborts the mailbox.
        """
        try:
            return await self._visit()
        finally:
            self._settlements.forget(self._pending)
            self._settlements.quotas.end_visit(self._account.tenant, self._account.id)

    async def _visit(self) -> Visit:
        memory = MailboxMemory(self._account, self._lease, self._mailbox, self._ports.clock)
        if (unchanged := await memory.visit_if_unchanged()) is not None:
            return unchanged
        scanner = MailboxScanner(
            self._account, self._mailbox, self._ports, self._read_failures, self._limits, self._bounds
        )
        scan = await scanner.scan_mailbox(self._lease, memory.fingerprint)
        self.state = scan.state
        return await memory.add_to(await self._work_off(scan), scan)

    async def _work_off(self, scan: MailboxScan) -> Visit:
        """Delete, read, and wait for settlements as planned; end the session."""
        plan, deletion = scan.plan, self._deletion
        if plan.gone:
            await self._ports.ledger.record_gone(self._lease.fence, plan.gone, self._ports.clock.now())
        reached("fetcher.gone-recorded")
        await deletion.delete({each.message: each.entry for each in plan.delete})
        self._reading = fetching = self._fetching(plan)
        if (
            deletion.deleted
            and not self._mailbox.deletes_at_once
            and (self._lease.failures or (plan.choice.risky and _is_first_deletion(scan)))
        ):
            # Only the end of this session deletes. As the visit may break off, deletions get their own one.
            await deletion.finish()
            return self._report(scan, fetching, more=True)
        complete = await self._fetch(plan, scan.content_index, fetching) and not plan.choice.more
        await self._settle_recognised(scan, fetching, complete=complete)
        await self._settle(fetching)
        if self._account.folders.mark_seen and fetching.is_usable:
            await self._mark_seen(scan, fetching)
        if fetching.broken is not None and consequence(fetching.broken) is Consequence.FAIL:
            raise fetching.broken
        if fetching.is_usable:
            await deletion.finish(fetching.not_stored)
        reached("fetcher.quit")
        # A visit that achieved nothing, as the window never opened, is not repeated at once.
        achieved_something = bool(scan.skipped or fetching.entered or deletion.deleted or fetching.deferred)
        is_unfinished = not complete or scan.undecided > 0
        return self._report(scan, fetching, more=is_unfinished and achieved_something)

    def _fetching(self, plan: Plan) -> Fetching:
        limits = self._limits
        window = AccountWindow(
            QuotaLimit(limits.window_messages, limits.window_octets),
            self._settlements.quotas,
            tenant=self._account.tenant,
            account=self._account.id,
            in_flight={row.message: row.octets for row in plan.in_flight},
            pending=self._pending,
        )
        return Fetching(
            self._account,
            self._mailbox,
            self._ports,
            self._read_failures,
            window,
            self._pending,
            self._bounds,
        )

    async def _fetch(self, plan: Plan, content_index: ContentIndex, fetching: Fetching) -> bool:
        """Read what is wanted; return False if some mails had to be left."""
        if not plan.choice.fetch:
            return True
        problem = self._ports.broker.problem()
        if problem is not None:
            raise BrokerUnavailable(f"account {self._account.id}: nothing is fetched while {problem}")
        if self._ports.daily_limits is not None:
            await self._ports.daily_limits.begin(self._account.tenant)
        self._ports.observer.begin_fetching(self._account.id, len(plan.choice.fetch), lambda: self.fetched)
        ingest = self._new_ingest(plan.choice.fetch, content_index, fetching)
        return await fetching.run(plan.choice.fetch, ingest)

    def _new_ingest(self, fetch: Sequence[Wanted], content_index: ContentIndex, fetching: Fetching) -> Ingest:
        wanted = {each.entry.number: each for each in fetch}

        def about_to_publish(mails: Sequence[RecordedMail]) -> None:
            self._settlements.expect(self._pending, [each.message for each in mails])
            fetching.note_publishing(mails)

        ledger_writer = LedgerWriter(
            self._account,
            self._lease.fence,
            self._ports,
            fetcher=self._fetcher,
            message_lease=self._limits.message_lease,
            about_to_publish=about_to_publish,
        )
        return Ingest(
            self._account,
            MessageMatcher(self._account, wanted, content_index),
            ledger_writer,
            self._ports,
            inline_limit=self._limits.inline_limit,
        )

    async def _settle_recognised(self, scan: MailboxScan, fetching: Fetching, *, complete: bool) -> None:
        """Delete recognised mails that are due; record those as gone that a complete visit did not find."""
        now = self._ports.clock.now()
        retention = self._account.retention
        if fetching.recognised:
            retention = await retention_in_force(self._account, self._ports)
        due, copies = settled_outcome(fetching.recognised, retention, now)
        if fetching.is_usable:
            await self._deletion.delete(due)
        self._settled_copies += copies
        choice = scan.plan.choice
        if complete and not (
            choice.postponed or choice.oversize or fetching.deferred or scan.listing.flagged
        ):
            left = [
                row
                for row in scan.content_index.left
                if scan.listing.covers(row.key) and row.key.folder not in scan.held
            ]
            gone = missing_mails(left, now, self._limits.longest_lease)
            if gone:
                await self._ports.ledger.record_gone(self._lease.fence, gone, now)

    async def _settle(self, fetching: Fetching) -> None:
        """Wait a while for settlements, and delete what the ledger then allows."""
        deletes = not self._account.retention.leaves_a_copy
        entered = fetching.entered
        if not entered:
            return
        limits = self._limits
        if (deletes or limits.wait_always) and not self._is_stopping():
            await self._settlements.all_settled(self._pending, limits.settle_wait, limits.longest_wait)
        if not fetching.is_usable:
            return
        if deletes:
            await self._deletion.delete({message: each.entry for message, each in entered.items()})
        else:
            self._settled = set(await self._ports.ledger.settled_among(list(entered)))
            self._settled_copies += len(self._settled)

    async def _mark_seen(self, scan: MailboxScan, fetching: Fetching) -> None:
        """Mark the copies as read that are settled and stay, of those that were listed."""
        settled = {row.key for row in scan.rows.values() if row.status is MessageStatus.SETTLED}
        stay = [entry for entry in scan.listing.entries if entry.key in settled]
        stay += [fetching.entered[message].entry for message in sorted(self._settled)]
        if stay and self._account.retention.leaves_a_copy:
            await self._mailbox.mark_seen(stay)

    def _report(self, scan: MailboxScan, fetching: Fetching, *, more: bool) -> Visit:
        sentences = problem_sentences(
            self._account,
            scan,
            fetching,
            self._read_failures,
            self._mailbox.remarks,
            self._ports.clock.now(),
        )
        return visit_report(
            scan,
            fetching,
            [*scan.listing.problems, *scan.problems, *self._deletion.problems, *sentences],
            deleted=self._deletion.deleted,
            settled_copies=self._settled_copies,
            more=more,
        )


def _is_first_deletion(scan: MailboxScan) -> bool:
    """Return whether a mail is to be deleted for the first time; a server may never carry a deletion out."""
    statuses = (scan.rows[each.message].status for each in scan.plan.delete)
    return any(status is not MessageStatus.DELETING for status in statuses)
