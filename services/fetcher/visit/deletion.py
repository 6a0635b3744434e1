"""The deletions of a visit, and the end of its session.

Only mails that the ledger shows as settled are deleted (custody rule 1). With POP3 nothing is deleted before
QUIT; a mailbox may also delete at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.fetcher.decide.plan import DELETED
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.custody.commands import Fence
from shared.model.account import Account, CustodyMode
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed
from shared.runtime.checkpoints import reached


class Deletion:
    """The deletions of one visit, whose lease is `fence`.

    `deleted` counts mails; `problems` are sentences for the operator.
    """

    def __init__(self, account: Account, fence: Fence, mailbox: Mailbox, ports: Ports) -> None:
        self._account = account
        self._fence = fence
        self._mailbox = mailbox
        self._ports = ports
        self.deleted = 0
        self.problems: list[str] = []

    async def delete(self, entries: Mapping[str, Listed]) -> None:
        """Delete those of the mails (by message) that the ledger shows as settled."""
        if not entries or self._may_not_delete():
            return
        mark = self._ports.epoch_monitor.mark if self._ports.epoch_monitor else 0
        allowed = await self._ports.ledger.start_deleting(
            self._fence, list(entries), self._ports.clock.now(), mark
        )
        reached("fetcher.deleting-recorded")
        confirmed = await self._mailbox.delete([entries[message] for message in allowed])
        reached("fetcher.deleted")
        left = await self._mailbox.still_there(confirmed)
        if left is None:
            self.deleted += len(confirmed)
            return
        gone = {entry.number for entry in confirmed} - {entry.number for entry in left}
        self.deleted += len(gone)
        if gone:
            reasons = {message: DELETED for message in allowed if entries[message].number in gone}
            await self._ports.ledger.record_gone(self._fence, reasons, self._ports.clock.now())

    async def finish(self, not_stored: int = 0) -> None:
        """End the session, so that the server carries out its deletions.

        A source that consumes what was read (custody rule 6) would hide or delete the mails that are
        `not_stored`: there the session is aborted. A session that does not end well has still read its mails.
        """
        if self._account.custody is CustodyMode.SPOOL and not_stored:
            await self._mailbox.abort()
            self.problems.append(
                f"the session was broken off, as {not_stored} requested mails are not stored here, and "
                "its end would consume them at the source"
            )
            self._forget_marked()
            return
        try:
            await self._mailbox.finish()
        except MailferryError as error:
            self.problems.append(f"{error} The next visit will see which mails it has deleted.")
            self._forget_marked()

    def _forget_marked(self) -> None:
        """Count no deletion that only the end of the session would have carried out."""
        if not self._mailbox.deletes_at_once:
            self.deleted = 0

    def _may_not_delete(self) -> bool:
        problem = self._ports.epoch_monitor.problem() if self._ports.epoch_monitor else None
        if problem is not None and problem not in self.problems:
            self.problems.append(problem)
        return problem is not None
