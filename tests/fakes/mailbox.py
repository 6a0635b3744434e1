"""A mailbox in memory that does as POP3 does: what is deleted goes when the session is finished."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from services.fetcher.mailbox import Listed, Listing, MailRefused, MailWhole, RetrieveEvent
from services.fetcher.mailbox_errors import SourceRefused
from shared.model.errors import MailferryError


class FakeMailbox:
    """Holds mails by uid. `broken_at` names one at whose retrieval the connection breaks, `withheld`
    those that are not handed out.
    """

    def __init__(self, mails: dict[str, bytes]) -> None:
        self.mails = mails
        self.withheld: set[str] = set()
        self.broken_at: str | None = None
        self.retrieved: list[str] = []
        self.finished = 0
        self._marked: set[str] = set()

    async def listing(self) -> Listing:
        self._marked = set()
        entries = [Listed(uid, number, len(mail)) for number, (uid, mail) in enumerate(self.mails.items(), 1)]
        return Listing(entries, has_uids=True, problems=())

    @property
    def remarks(self) -> Sequence[str]:
        return ()

    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        for entry in entries:
            if entry.uid == self.broken_at:
                raise MailferryError("the connection broke")
            if entry.uid in self.withheld:
                yield [MailRefused(entry, SourceRefused("not today"))]
                continue
            self.retrieved.append(entry.uid)
            yield [MailWhole(entry, self.mails[entry.uid])]

    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        self._marked |= {entry.uid for entry in entries}
        return entries

    async def finish(self) -> None:
        self.finished += 1
        for uid in self._marked:
            del self.mails[uid]
        self._marked = set()

    async def abort(self) -> None:
        self._marked = set()
