"""One visit to a mailbox: list, plan, delete what is due, retrieve what is new, wait a while, delete that
too, quit.

The order is what keeps the custody: a mail is entered into the ledger before the router is told, and deleted
only after the ledger allowed it. A visit that breaks off leaves everything else to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.fetcher.decide.blame import Consequence, consequence
from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.conclusion import absent, concluded
from services.fetcher.decide.content_index import ContentIndex
from services.fetcher.decide.plan import Plan
from services.fetcher.flow_control.account_window import AccountWindow
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.tenant_quotas import QuotaLimit
from services.fetcher.ingest.ingest import Ingest
from services.fetcher.ingest.ledger_writer import LedgerWriter, RecordedMail
from services.fetcher.ingest.message_matcher import MessageMatcher
from services.fetcher.ingest.ports import Ports
from services.fetcher.visit.deletion import Deletion
from services.fetcher.visit.fetching import Bounds, Fetching
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.mailbox_scanner import MailboxScan, MailboxScanner, retention_in_force
from services.fetcher.visit.memory import Memory
from services.fetcher.visit.report import Visit, reported, troubles
from shared.model.account import Account
from shared.model.mailbox import Mailbox
from shared.model.message import MessageStatus
from shared.ports.broker import BrokerUnavailable
from shared.ports.store import Lease
from shared.runtime.checkpoints import reached


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
        self._watch = PendingSet()
        self._deletion = Deletion(account, lease.fence, mailbox, ports)
        self._settled_copies = 0
        self._reading: Fetching | None = None
        deadline = ports.clock.monotonic() + account.reading.session_deadline
        self._bounds = Bounds(deadline, limits.settle_wait, is_stopping)

    @property
    def fetched(self) -> int:
        """Mails that were taken in so far."""
        return len(self._reading.entered) if self._reading is not None else 0

    async def run(self) -> Visit:
        """Visit, and report. Raises MailferryError where the visit broke off; the caller aborts the
        mailbox.
        """
        try:
            return await self._visit()
        finally:
            self._board.forget(self._watch)
            self._board.quotas.end_visit(self._account.tenant, self._account.id)

    async def _visit(self) -> Visit:
        surveyor = MailboxScanner(self._account, self._mailbox, self._ports, self._setbacks, self._limits)
        survey = await surveyor.survey(self._lease)
        plan, deletion = survey.plan, self._deletion
        if plan.gone:
            await self._ports.ledger.record_gone(self._lease.fence, plan.gone, self._ports.clock.now())
        reached("fetcher.gone-recorded")
        await deletion.delete({each.message: each.entry for each in plan.delete})
        self._reading = fetching = self._fetching(plan)
        if deletion.deleted and (self._lease.failures or (plan.choice.risky and _is_news(survey))):
            # Only QUIT makes deletions real: where a visit may break off they get a session of their own.
            await deletion.finish()
            return self._report(survey, fetching, more=True)
        complete = await self._fetch(plan, survey.recognition, fetching) and not plan.choice.more
        await self._conclude_recognition(survey, fetching, complete=complete)
        await self._settle(fetching)
        if fetching.broken is not None and consequence(fetching.broken) is Consequence.FAIL:
            raise fetching.broken
        if fetching.goes_on:
            await deletion.finish(fetching.unkept)
        reached("fetcher.quit")
        # A visit that got nowhere, as the window never opened, is not repeated at once.
        got_on = bool(fetching.entered or deletion.deleted or fetching.set_aside)
        return self._report(survey, fetching, more=not complete and got_on)

    def _fetching(self, plan: Plan) -> Fetching:
        limits = self._limits
        window = AccountWindow(
            QuotaLimit(limits.window_messages, limits.window_octets),
            self._board.quotas,
            tenant=self._account.tenant,
            account=self._account.id,
            in_flight={row.message: row.octets for row in plan.in_flight},
            pending=self._watch,
        )
        return Fetching(
            self._account,
            self._mailbox,
            self._ports,
            self._setbacks,
            window,
            self._watch,
            self._bounds,
        )

    async def _fetch(self, plan: Plan, recognition: ContentIndex, fetching: Fetching) -> bool:
        """Retrieve what is wanted; False when some had to be left."""
        if not plan.choice.fetch:
            return True
        problem = self._ports.broker.problem()
        if problem is not None:
            raise BrokerUnavailable(f"account {self._account.id}: nothing is fetched while {problem}")
        intake = self._intake(plan.choice.fetch, recognition, fetching)
        return await fetching.run(plan.choice.fetch, intake)

    def _intake(self, fetch: Sequence[Wanted], recognition: ContentIndex, fetching: Fetching) -> Ingest:
        wanted = {each.entry.number: each for each in fetch}

        def about_to_publish(mails: Sequence[RecordedMail]) -> None:
            self._board.expect(self._watch, [each.message for each in mails])
            fetching.setting_out(mails)

        registration = LedgerWriter(
            self._account,
            self._lease.fence,
            self._ports,
            fetcher=self._fetcher,
            message_lease=self._limits.message_lease,
            about_to_publish=about_to_publish,
        )
        return Ingest(
            self._account,
            MessageMatcher(self._account, wanted, recognition),
            registration,
            self._ports,
            inline_limit=self._limits.inline_limit,
        )

    async def _conclude_recognition(self, survey: MailboxScan, fetching: Fetching, *, complete: bool) -> None:
        """Delete what was recognised and is due; what was looked for everywhere and is not there is gone."""
        now = self._ports.clock.now()
        retention = self._account.retention
        if fetching.recognised:
            retention = await retention_in_force(self._account, self._ports)
        due, copies = concluded(fetching.recognised, retention, now)
        if fetching.goes_on:
            await self._deletion.delete(due)
        self._settled_copies += copies
        choice = survey.plan.choice
        if complete and not (choice.put_off or choice.oversize or fetching.set_aside):
            gone = absent(survey.recognition.left, now, self._limits.longest_lease)
            if gone:
                await self._ports.ledger.record_gone(self._lease.fence, gone, now)

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
            await self._deletion.delete({message: each.entry for message, each in entered.items()})
        else:
            self._settled_copies += len(await self._ports.ledger.settled_among(list(entered)))

    def _report(self, survey: MailboxScan, fetching: Fetching, *, more: bool) -> Visit:
        told = troubles(
            self._account,
            survey.plan,
            fetching,
            self._setbacks,
            self._mailbox.remarks,
            self._ports.clock.now(),
        )
        return reported(
            survey,
            fetching,
            [*survey.listing.problems, *self._deletion.problems, *told],
            deleted=self._deletion.deleted,
            settled_copies=self._settled_copies,
            more=more,
        )


def _is_news(survey: MailboxScan) -> bool:
    """Whether no earlier visit tried to delete all that is to be deleted; a server may never do it."""
    statuses = (survey.rows[each.message].status for each in survey.plan.delete)
    return any(status is not MessageStatus.DELETING for status in statuses)
