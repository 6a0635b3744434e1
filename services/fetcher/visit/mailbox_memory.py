"""What a visit remembers of a mailbox in which nothing was left to do. The next one need not list it then."""

from __future__ import annotations

from dataclasses import replace

from services.fetcher.decide.unchanged import (
    Remembered,
    may_skip_listing,
    remembered,
    settings_digest,
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

    async def visit_if_unchanged(self) -> Visit | None:
        """End the session and return its visit if the mailbox is unchanged and nothing is due; else None.

        Nothing is listed and the ledger is not read.
        """
        memory, fence = remembered(self._lease.state), self._lease.fence
        now = self._clock.now()
        if memory is None or not may_skip_listing(
            memory, self._account, fence, failures=self._lease.failures, now=now
        ):
            return None
        if await self._mailbox.fingerprint() != memory.fingerprint:
            return None
        await self._mailbox.finish()
        state = with_remembered(self._lease.state, memory._replace(fence=fence.number))
        return Visit(VisitReport(state=state), more=False)

    async def add_to(self, visit: Visit, scan: MailboxScan) -> Visit:
        """Return the visit with what is to be remembered of the mailbox.

        That is nothing where something was to be done, or the operator is to be told something.
        """
        memory = None
        if scan.quiet_until is not None and visit.report.problem is None and not visit.report.waiting:
            fingerprint = await self._mailbox.fingerprint()
            if fingerprint:
                digest = settings_digest(self._account)
                memory = Remembered(fingerprint, digest, scan.quiet_until, self._lease.fence.number)
        state = with_remembered(self._lease.state, memory)
        return replace(visit, report=replace(visit.report, state=state))
