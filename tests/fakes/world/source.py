"""Mailboxes at a source: their mails, and sessions that list, retrieve and delete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from functools import partial

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.mailbox import Listed, Listing, ListingSpan, MailWhole, Place, RetrieveEvent, UidRange
from shared.model.message import LedgerKey
from shared.model.source_errors import SourceError
from tests.fakes.world.letters import Letter
from tests.fakes.world.process import EffectFault, Process

PER_SPAN = 2


class Maildrop:
    """One mailbox. `removed` is called for each mail that a session of ours removes.

    With `consumes`, QUIT removes what was read. No listing shows the UIDs that are `hidden`.
    """

    def __init__(self, removed: Callable[[Letter], None], *, consumes: bool = False) -> None:
        self.consumes = consumes
        self.letters: dict[str, Letter] = {}
        self.uidvalidity = 0
        self.hidden: Collection[str] = ()
        self._removed = removed
        self._highest = 0

    def put(self, letter: Letter, *, under_a_used_uid: bool = False) -> None:
        """Add a mail, under a new UID or, at a careless server, under the lowest free one."""
        free = [uid for uid in map(str, range(1, self._highest + 1)) if uid not in self.letters]
        if under_a_used_uid and free:
            self.letters[free[0]] = letter
            return
        self._highest += 1
        self.letters[str(self._highest)] = letter

    def renumber(self) -> None:
        """Lose the index, as a server does: every UID names another mail, and UIDVALIDITY changes."""
        uids, letters = list(self.letters), list(self.letters.values())
        self.letters = dict(zip(uids, [*letters[1:], *letters[:1]], strict=True))
        self.uidvalidity += 1

    @property
    def staying(self) -> list[Letter]:
        return [*self.letters.values()]

    def take_away(self) -> Letter | None:
        """Delete the oldest mail, as another client."""
        return self.letters.pop(next(iter(self.letters))) if self.letters else None

    def behave(self) -> None:
        """From now on do as a good server."""
        self.hidden = ()

    def remove(self, letter: Letter) -> None:
        """Remove a mail for a session of ours, if it is still there."""
        for uid, each in list(self.letters.items()):
            if each is letter:
                del self.letters[uid]
                self._removed(letter)


class MailboxInTurn(Mailbox):
    """A session. A QUIT that fails has removed nothing, one whose answer is lost half of what was marked."""

    def __init__(self, maildrop: Maildrop, process: Process) -> None:
        self._maildrop = maildrop
        self._process = process
        self._seen: list[Letter] = []
        self._marked: list[Letter] = []
        self._read: list[Letter] = []

    async def listing(self, since: str = "") -> Listing:
        return await self._process.effect("list", self._listed, _trouble)

    async def listing_spans(self, since: str = "") -> AsyncGenerator[ListingSpan, None]:
        """List two mails at a time, as of a huge mailbox; anything may happen in between.

        As many mails must be shown in the end as there were at first, without those that came meanwhile.
        """
        self._seen, self._marked = [], []
        uidvalidity, at_first = self._maildrop.uidvalidity, sorted(self._maildrop.letters)
        lasts = [*at_first[PER_SPAN - 1 : -1 : PER_SPAN], None]
        shown, first = 0, ""
        for last in lasts:
            uids = UidRange(Place("INBOX", uidvalidity), first, last)
            entries = await self._process.effect(
                f"list from {first or 'the first'}", partial(self._listed_in, uids), _trouble
            )
            if self._maildrop.uidvalidity != uidvalidity:
                raise _trouble()
            shown += sum(entry.uid in at_first for entry in entries)
            listing = Listing(entries, has_uids=True, problems=(), covered=[uids])
            yield ListingSpan(listing, is_whole=False, is_complete=last is None and shown == len(at_first))
            first = f"{last} "

    @property
    def remarks(self) -> Sequence[str]:
        return ()

    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        fault = await self._process.turn("retrieve")
        if fault is EffectFault.FAILS:
            raise _trouble()
        for entry in entries:
            self._read.append(self._seen[entry.number - 1])
            yield [MailWhole(entry, self._seen[entry.number - 1].raw)]
            if fault is EffectFault.UNHEARD:
                raise _trouble()

    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        for entry in entries:
            yield entry, None

    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        return await self._process.effect("DELE", lambda: self._mark(entries), _trouble) if entries else []

    async def finish(self) -> None:
        fault = await self._process.turn("QUIT")
        done = {
            EffectFault.WELL: len(self._marked),
            EffectFault.FAILS: 0,
            EffectFault.UNHEARD: (len(self._marked) + 1) // 2,
        }
        consumed = self._read if self._maildrop.consumes and fault is not EffectFault.FAILS else []
        for letter in [*self._marked[: done[fault]], *consumed]:
            self._maildrop.remove(letter)
        self._marked = []
        if fault is not EffectFault.WELL:
            raise _trouble()

    async def abort(self) -> None:
        self._marked = []

    def _listed(self) -> Listing:
        self._seen, self._marked = list(self._maildrop.letters.values()), []
        place = Place("INBOX", self._maildrop.uidvalidity)
        entries = [
            Listed(uid, number, len(letter.raw), place=place)
            for number, (uid, letter) in enumerate(self._maildrop.letters.items(), 1)
        ]
        return Listing(entries, has_uids=True, problems=(), covered=[UidRange(place)])

    def _listed_in(self, uids: UidRange) -> Sequence[Listed]:
        letters = sorted(self._maildrop.letters.items())
        there = [
            (uid, each)
            for uid, each in letters
            if uids.includes(LedgerKey(*uids.place, uid)) and uid not in self._maildrop.hidden
        ]
        before = len(self._seen)
        self._seen += [letter for _, letter in there]
        return [
            Listed(uid, before + number, len(letter.raw), place=uids.place)
            for number, (uid, letter) in enumerate(there, 1)
        ]

    def _mark(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        self._marked += [self._seen[entry.number - 1] for entry in entries]
        return entries


def _trouble() -> SourceError:
    return SourceError("the source went away")
