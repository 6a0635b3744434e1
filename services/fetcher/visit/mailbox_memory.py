"""What a visit remembers of a mailbox in which nothing was left to do. The next one need not list it then."""

from __future__ import annotations

from dataclasses import replace

from services.fetcher.decide.uid_trust import with_changes
from services.fetcher.decide.unchanged import (
    Remembered,
    prolonged,
    remembered,
    settings_digest,
    still_holds,
    with_remembered,
)
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.visit.mailbox_scanner import MailboxScan
from services.fetcher.visit.report import Visit
from shared.model.account import Account
from shared.ports.clock import Clock
from shared.ports.store import Lease, VisitReport


class MailboxMemory:
    """The memory of one account, as its lease hands it over."""

    def __init__(self, account: Account, lease: Lease, mailbox: Mailbox, clock: Clock) -> None:
        self._account = account
        self._lease = lease
        self._mailbox = mailbox
        self._clock = clock
        memory = remembered(lease.state)
        holds = memory is not None and still_holds(memory, account, lease.fence, clock.now())
        self._memory = memory if holds else None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the mailbox whose mails need nothing; "" where none is remembered."""
        return self._memory.fingerprint if self._memory is not None else ""

    async def visit_if_unchanged(self) -> Visit | None:
        """End the session and return its visit if the mailbox is unchanged and nothing is due; else None.

        Nothing is listed and the ledger is not read. What the server wants to be told needs a report.
        """
        memory = self._memory
        if memory is None or memory.with_later or await self._mailbox.fingerprint() != memory.fingerprint:
            return None
        if self._mailbox.remarks:
            return None
        await self._mailbox.finish()
        state = with_changes(prolonged(self._lease.state, self._lease.fence), (), self._clock.now())
        return Visit(VisitReport(state=state), more=False)

    async def add_to(self, visit: Visit, scan: MailboxScan) -> Visit:
        """Return the visit with what is to be remembered of the mailbox."""
        memory = await self._after(visit, scan)
        state = with_remembered(scan.state, memory)
        return replace(visit, report=replace(visit.report, state=state))

    async def _after(self, visit: Visit, scan: MailboxScan) -> Remembered | None:
        """What was remembered holds on where only changes were listed, and there is more to do with them.

        What the operator is to be told of is told of by each visit, so that it is something to do.
        """
        fence, before = self._lease.fence.number, self._memory if scan.listing.only_changes else None
        if scan.quiet_until is not None and not visit.report.waiting and visit.report.problem is None:
            fingerprint = await self._mailbox.fingerprint()
            until = min(scan.quiet_until, before.until) if before else scan.quiet_until
            return (
                Remembered(fingerprint, settings_digest(self._account), until, fence) if fingerprint else None
            )
        return before._replace(fence=fence, with_later=True) if before else None
