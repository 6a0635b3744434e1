"""Simulated mailboxes at a source, and sessions with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence

from shared.model.mailbox import Listed, Listing, MailWhole, RetrieveEvent
from shared.model.source_errors import SourceError
from tests.fakes.simulation.mails import Mail
from tests.fakes.simulation.process import Outcome, Process


class Maildrop:
    """One mailbox. `removed` is called for each mail that a session removes. With `consumes`, QUIT removes
    what was read.
    """

    def __init__(self, removed: Callable[[Mail], None], *, consumes: bool = False) -> None:
        self.consumes = consumes
        self.mails: dict[str, Mail] = {}
        self.uidvalidity = 0
        self._removed = removed
        self._highest = 0

    def put(self, mail: Mail, *, under_a_used_uid: bool = False) -> None:
        """Add a mail under a new UID, or under the lowest free one that was used before."""
        free = [uid for uid in map(str, range(1, self._highest + 1)) if uid not in self.mails]
        if under_a_used_uid and free:
            self.mails[free[0]] = mail
            return
        self._highest += 1
        self.mails[str(self._highest)] = mail

    def renumber(self) -> None:
        """Give each UID to another mail, and change UIDVALIDITY, as a server that lost its index does."""
        uids, mails = list(self.mails), list(self.mails.values())
        self.mails = dict(zip(uids, [*mails[1:], *mails[:1]], strict=True))
        self.uidvalidity += 1

    def remove(self, mail: Mail) -> None:
        """Remove a mail, if it is still there."""
        for uid, each in list(self.mails.items()):
            if each is mail:
                del self.mails[uid]
                self._removed(mail)


class ProcessMailbox:
    """A session of a process. A QUIT that fails removes nothing; one with a lost answer half of the marked
    mails.
    """

    def __init__(self, maildrop: Maildrop, process: Process) -> None:
        self._maildrop = maildrop
        self._process = process
        self._seen: list[Mail] = []
        self._marked: list[Mail] = []
        self._read: list[Mail] = []

    async def listing(self) -> Listing:
        return await self._process.effect("list", self._listed, _connection_lost)

    @property
    def remarks(self) -> Sequence[str]:
        return ()

    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        outcome = await self._process.turn("retrieve")
        if outcome is Outcome.FAILS:
            raise _connection_lost()
        for entry in entries:
            self._read.append(self._seen[entry.number - 1])
            yield [MailWhole(entry, self._seen[entry.number - 1].raw)]
            if outcome is Outcome.ANSWER_LOST:
                raise _connection_lost()

    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        for entry in entries:
            yield entry, None

    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        return (
            await self._process.effect("DELE", lambda: self._mark(entries), _connection_lost)
            if entries
            else []
        )

    async def finish(self) -> None:
        outcome = await self._process.turn("QUIT")
        done = {
            Outcome.SUCCEEDS: len(self._marked),
            Outcome.FAILS: 0,
            Outcome.ANSWER_LOST: (len(self._marked) + 1) // 2,
        }
        consumed = self._read if self._maildrop.consumes and outcome is not Outcome.FAILS else []
        for mail in [*self._marked[: done[outcome]], *consumed]:
            self._maildrop.remove(mail)
        self._marked = []
        if outcome is not Outcome.SUCCEEDS:
            raise _connection_lost()

    async def abort(self) -> None:
        self._marked = []

    def _listed(self) -> Listing:
        self._seen, self._marked = list(self._maildrop.mails.values()), []
        entries = [
            Listed(uid, number, len(mail.raw))
            for number, (uid, mail) in enumerate(self._maildrop.mails.items(), 1)
        ]
        return Listing(entries, has_uids=True, problems=(), uidvalidity=self._maildrop.uidvalidity)

    def _mark(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        self._marked += [self._seen[entry.number - 1] for entry in entries]
        return entries


def _connection_lost() -> SourceError:
    return SourceError("the source went away")
