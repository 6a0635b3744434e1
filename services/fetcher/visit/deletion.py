"""What a visit deletes at its source, and how it ends there: nothing is deleted but what the ledger shows as
settled (rule 1), and nothing is real before QUIT.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.fetcher.ingest.ports import Ports
from shared.custody.commands import Fence
from shared.model.account import Account, CustodyMode
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, Mailbox
from shared.runtime.checkpoints import reached


class Deletion:
    """Of one visit, whose lease is `fence`. `deleted` counts mails; `problems` are sentences for the
    operator.
    """

    def __init__(self, account: Account, fence: Fence, mailbox: Mailbox, ports: Ports) -> None:
        self._account = account
        self._fence = fence
        self._mailbox = mailbox
        self._ports = ports
        self.deleted = 0
        self.problems: list[str] = []

    async def delete(self, entries: Mapping[str, Listed]) -> None:
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
        self.deleted += len(deleted)

    async def finish(self, unkept: int = 0) -> None:
        """QUIT, but where the source consumes what was read (rule 6) not before all of that is in our
        keeping: what was asked for and did not come, or could not be kept, it would hide or delete.

        A session that does not end well was none in vain: all that it read is in our keeping.
        """
        if self._account.custody is CustodyMode.SPOOL and unkept:
            await self._mailbox.abort()
            self.problems.append(
                f"the session was broken off, as {unkept} mails that were asked for are not kept, and "
                "its end would consume them at the source"
            )
            self.deleted = 0
            return
        try:
            await self._mailbox.finish()
        except MailferryError as error:
            self.problems.append(f"{error} Which mails it has deleted, the next visit will see.")
            self.deleted = 0

    def _may_not_delete(self) -> bool:
        problem = self._ports.epoch.problem() if self._ports.epoch else None
        if problem is not None and problem not in self.problems:
            self.problems.append(problem)
        return problem is not None
