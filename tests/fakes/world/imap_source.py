"""IMAP mailboxes at a source: folders, other clients, and a server that does not keep to what it says.

A session here is the client of the protocol, too, which keeps three rules: the folder's UIDVALIDITY is
checked by the SELECT before a deletion; nothing is expunged where another client's marks are in the way; what
was deleted is asked about only after the server's OK.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial

from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.imap.mailbox_listing import MOST_ROUNDS
from shared.model.mailbox import (
    Listed,
    Listing,
    MailRefused,
    MailWhole,
    Place,
    RetrieveEvent,
    UidRange,
    numeric_uid,
)
from shared.model.source_errors import SourceError, SourceRefused
from tests.fakes.world.letters import Letter
from tests.fakes.world.process import EffectFault, Process

FOLDERS = ("INBOX", "Archive")
OTHER_NAME = "Archive of last year"


class Expunging(Enum):
    """What a server does with what it is to expunge.

    `LATER` and `NEVER`: it says OK, shows the mails still, and does it later, or not at all. `REFUSES`: it
    no longer shows them to a search in the same flight, and then says NO.
    """

    AT_ONCE = "at once"
    LATER = "later"
    NEVER = "never"
    REFUSES = "refuses"


class Showing(Enum):
    """What a listing shows: all; the first half, which it covers; all but one, and then it covers nothing."""

    WHOLE = "whole"
    HALF = "half"
    WITHOUT_ONE = "without one"


class Folder:
    """The mails of a folder by UID; `marked` are those with the flag of deletion, whoever set it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.uidvalidity = 7
        self.letters: dict[int, Letter] = {}
        self.marked: set[int] = set()
        self.to_expunge: set[int] = set()
        self._highest = 0

    @property
    def place(self) -> Place:
        return Place(self.name, self.uidvalidity)

    @property
    def state(self) -> tuple[Place, int, int]:
        """What a server tells: it is another one once a mail has come or gone."""
        return self.place, self._highest, len(self.letters)

    def put(self, letter: Letter) -> None:
        self._highest += 1
        self.letters[self._highest] = letter

    def take(self, uid: int) -> Letter:
        self.marked.discard(uid)
        self.to_expunge.discard(uid)
        return self.letters.pop(uid)

    def renumber(self) -> None:
        """Change UIDVALIDITY: every UID names another mail from now on. A session notices by a SELECT."""
        uids, letters = list(self.letters), list(self.letters.values())
        marked = {id(self.letters[uid]) for uid in self.marked}
        self.letters = dict(zip(uids, [*letters[1:], *letters[:1]], strict=True))
        self.marked = {uid for uid, letter in self.letters.items() if id(letter) in marked}
        self.to_expunge.clear()
        self.uidvalidity += 1


class ImapMaildrop:
    """An account at an IMAP server. `removed` is called for each mail that a session of ours removes.

    The server `shows_headers` alone, or hands out whole mails only, and may name mails wherever they are
    (`has_object_ids`).
    """

    consumes = False

    def __init__(self, removed: Callable[[Letter], None]) -> None:
        self.folders = {name: Folder(name) for name in FOLDERS}
        self.expunging = Expunging.AT_ONCE
        self.showing = Showing.WHOLE
        self.has_uidplus = True
        self.shows_headers = True
        self.has_object_ids = False
        self._removed = removed

    @property
    def letters(self) -> dict[str, Letter]:
        return {
            f"{folder.name}/{uid}": letter
            for folder in self.folders.values()
            for uid, letter in folder.letters.items()
        }

    @property
    def staying(self) -> list[Letter]:
        """The mails that the server has not agreed to expunge."""
        return [
            letter
            for folder in self.folders.values()
            for uid, letter in folder.letters.items()
            if uid not in folder.to_expunge
        ]

    def put(self, letter: Letter, *, under_a_used_uid: bool = False) -> None:
        """Add a mail. No IMAP server gives a UID twice."""
        self.folders[FOLDERS[0]].put(letter)

    def renumber(self) -> None:
        for folder in self.folders.values():
            folder.renumber()

    def take_away(self) -> Letter | None:
        """Delete the oldest mail, as another client."""
        for folder in self.folders.values():
            for uid in folder.letters:
                return folder.take(uid)
        return None

    def move(self, which: int) -> Letter | None:
        """Move a mail into the other folder, where it gets a new UID, as another client."""
        places = [(folder, uid) for folder in self.folders.values() for uid in folder.letters]
        if not places:
            return None
        folder, uid = places[which % len(places)]
        letter = folder.take(uid)
        (other,) = (each for each in self.folders.values() if each is not folder)
        other.put(letter)
        return letter

    def rename_folder(self) -> str:
        """Give the folder beside INBOX another name, as another client; return it."""
        _, folder = self.folders.values()
        folder.name = OTHER_NAME if folder.name != OTHER_NAME else FOLDERS[1]
        self.folders = {each.name: each for each in self.folders.values()}
        return folder.name

    def mark(self, which: int) -> Letter | None:
        """Mark a mail as deleted, or take the mark off, as another client."""
        places = [(folder, uid) for folder in self.folders.values() for uid in folder.letters]
        if not places:
            return None
        folder, uid = places[which % len(places)]
        folder.marked ^= {uid}
        return folder.letters[uid]

    def expunge(self, folder: Folder, uids: Collection[int]) -> bool:
        """Do with these mails as the server does; return whether it says OK."""
        match self.expunging:
            case Expunging.AT_ONCE:
                self._remove(folder, uids)
            case Expunging.LATER:
                folder.to_expunge |= set(uids)
            case Expunging.REFUSES:
                return False
        return True

    def catch_up(self) -> None:
        """Expunge what was agreed to."""
        for folder in self.folders.values():
            self._remove(folder, folder.to_expunge & set(folder.letters))

    def behave(self) -> None:
        """From now on do as a good server, without other clients."""
        self.expunging, self.showing = Expunging.AT_ONCE, Showing.WHOLE
        self.catch_up()
        for folder in self.folders.values():
            folder.marked.clear()

    def _remove(self, folder: Folder, uids: Collection[int]) -> None:
        for uid in list(uids):
            self._removed(folder.take(uid))


class ImapMailboxInTurn(Mailbox):
    """A session. One that is renumbered under our hands breaks at the next command about a mail."""

    def __init__(self, maildrop: ImapMaildrop, process: Process) -> None:
        self._maildrop = maildrop
        self._process = process
        self._listed: list[tuple[Place, int, int]] = []

    @property
    @override
    def deletes_at_once(self) -> bool:
        return True

    @property
    @override
    def remarks(self) -> Sequence[str]:
        return ()

    @override
    async def listing(self, since: str = "") -> Listing:
        """List one folder after the other; in between, mails may be moved."""
        listing = await self._list_folders()
        for _ in range(MOST_ROUNDS - 1):
            if await self.is_as_listed():
                return listing
            listing = await self._list_folders()
        return listing if await self.is_as_listed() else replace(listing, covered=(), folders=None)

    async def is_as_listed(self) -> bool:
        """Return whether the folders are as they were when each was listed."""
        return await self._process.effect("states", self._states, _trouble) == self._listed

    async def _list_folders(self) -> Listing:
        entries: list[Listed] = []
        covered: list[UidRange] = []
        self._listed = []
        for folder in [*self._maildrop.folders.values()]:
            show = partial(self._show, folder, len(entries))
            there, ranges = await self._process.effect(f"list {folder.name}", show, _trouble)
            entries += there
            covered += ranges
        is_complete = len(covered) == len(self._listed)
        names = frozenset(place.folder for place, *_ in self._listed) if is_complete else None
        return Listing(entries, has_uids=True, problems=(), covered=covered, folders=names)

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        fault = await self._process.turn("retrieve")
        if fault is EffectFault.FAILS:
            raise _trouble()
        for entry in entries:
            letter = self._letter(entry)
            if letter is None:
                yield [MailRefused(entry, SourceRefused("the mail is not there any more"))]
            else:
                yield [MailWhole(entry, letter.raw)]
            if fault is EffectFault.UNHEARD:
                raise _trouble()

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        for entry in entries:
            letter = self._letter(entry)
            shown = letter if self._maildrop.shows_headers else None
            yield entry, None if shown is None else shown.raw.partition(b"\r\n\r\n")[0]

    @override
    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        """Expunge the mails; return those of which the server said OK."""
        agreed: list[Listed] = []
        for name in dict.fromkeys(each.place.folder for each in entries):
            ours = [each for each in entries if each.place.folder == name]
            agreed += await self._expunge(name, ours)
        return agreed

    @override
    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        if not entries:
            return ()
        return await self._process.effect(
            "search", lambda: [each for each in entries if self._letter(each) is not None], _trouble
        )

    @override
    async def finish(self) -> None:
        await self._process.effect("LOGOUT", lambda: None, _trouble)

    @override
    async def abort(self) -> None:
        """There is nothing to undo."""

    def _show(self, folder: Folder, before: int) -> tuple[list[Listed], list[UidRange]]:
        """Return what a folder shows behind so many mails of others, and what of it is covered."""
        uids, covered = list(folder.letters), [UidRange(folder.place)]
        match self._maildrop.showing:
            case Showing.HALF:
                uids = uids[: len(uids) // 2]
                covered = [UidRange(folder.place, "", numeric_uid(uids[-1]) if uids else "")]
            case Showing.WITHOUT_ONE:
                uids, covered = uids[1:], []
        self._listed.append(folder.state)
        names = {uid: folder.letters[uid].tag if self._maildrop.has_object_ids else "" for uid in uids}
        listed = [
            Listed(
                numeric_uid(uid),
                before + number,
                len(folder.letters[uid].raw),
                place=folder.place,
                object_id=names[uid],
            )
            for number, uid in enumerate(uids, 1)
        ]
        return listed, covered

    def _states(self) -> list[tuple[Place, int, int]]:
        return [each.state for each in self._maildrop.folders.values()]

    def _letter(self, entry: Listed) -> Letter | None:
        folder = self._maildrop.folders.get(entry.place.folder)
        if folder is None or not is_still(entry.place, folder):
            raise _trouble()
        return folder.letters.get(int(entry.uid))

    async def _expunge(self, name: str, entries: Sequence[Listed]) -> Sequence[Listed]:
        """Select the folder and expunge. A command that breaks off before its answer has done half."""
        fault = await self._process.turn("expunge")
        folder = self._maildrop.folders.get(name)
        if fault is EffectFault.FAILS or folder is None:
            raise _trouble()
        selected = [each for each in entries if is_still(each.place, folder)]
        uids = [uid for each in selected if (uid := int(each.uid)) in folder.letters]
        if fault is EffectFault.UNHEARD:
            folder.marked |= set(uids)
            self._maildrop.expunge(folder, uids[::2])
            raise _trouble()
        if not self._maildrop.has_uidplus:
            is_in_the_way = foreign_marks(folder, uids)
            folder.marked |= set(uids)
            if is_in_the_way:
                return ()
            uids = [*folder.marked]
        return selected if self._maildrop.expunge(folder, uids) else ()


def is_still(place: Place, folder: Folder) -> bool:
    """Return whether the UIDs of a listing still hold."""
    return place == folder.place


def foreign_marks(folder: Folder, ours: Collection[int]) -> set[int]:
    """Return the marks that are not ours, which an EXPUNGE without UIDs would carry out.

    Between this question and the EXPUNGE another client may mark a mail. That round trip is not played.
    """
    return folder.marked - set(ours)


def _trouble() -> SourceError:
    return SourceError("the source went away")
