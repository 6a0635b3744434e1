"""What a source mailbox lists and hands out, whatever its protocol."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shared.model.errors import MailferryError
from shared.model.message import LedgerKey

UID_DIGITS = 10
"""An IMAP UID has up to 32 bits (RFC 9051, section 2.3.1.1), which are ten digits."""


class Place(NamedTuple):
    """A folder by its decoded name, and its UIDVALIDITY. All mails of a folder share one object."""

    folder: str
    uidvalidity: int


INBOX = Place("INBOX", 0)
"""The place of all mails of a protocol that has neither folders nor UIDVALIDITY, as POP3."""


def folder_name(name: str) -> str:
    """Return a decoded folder name as it is written in a key: INBOX in any case is `INBOX` (RFC 9051,
    section 5.1)."""
    return INBOX.folder if name.upper() == INBOX.folder else name


def comparable_folder(name: str) -> str:
    """Return the form of a folder's name in which two names of the same folder are equal.

    An accented letter may be one character or two. Programs on macOS write two, people who type write one.
    """
    return unicodedata.normalize("NFC", folder_name(name))


def numeric_uid(uid: int) -> str:
    """Return a numeric UID as it is written in a key: with ten digits, so that text sorts as numbers do."""
    return f"{uid:0{UID_DIGITS}d}"


def written_uids(text: str) -> tuple[str, ...]:
    """Return the UIDs of a key that an operator may mean by `text`: itself, and a number with ten digits."""
    is_short_number = text.isascii() and text.isdigit() and len(text) < UID_DIGITS
    return (text, numeric_uid(int(text))) if is_short_number else (text,)


class Listed(NamedTuple):
    """One mail of a listing.

    `uid` is the server's name for the mail, stable over sessions, or "" where it has none. `number` names the
    mail within the session, over all folders. `size` in octets is what the server claims, 0 if unknown: it is
    used for planning, never for framing. `twin` numbers the mails of one size that have no uid, from 1.
    `place` is the folder that holds the mail. `object_id` is what the server calls the mail in whichever
    folder it is, "" where it has no such name. Copies of a mail may share it.
    """

    uid: str
    number: int
    size: int
    twin: int = 1
    place: Place = INBOX
    object_id: str = ""

    @property
    def name(self) -> str:
        """The uid, or else the size and the twin's number, which stay the same until an earlier twin goes.

        No uid begins with a blank.
        """
        return self.uid or f" {self.size}-octets" + (f"-{self.twin}" if self.twin > 1 else "")

    @property
    def key(self) -> LedgerKey:
        """The mail's key in the ledger; a provisional one where it has no uid."""
        return LedgerKey(self.place.folder, self.place.uidvalidity, self.name)


class UidRange(NamedTuple):
    """The uids of a folder from `first` to `last`, both included; all of them by default."""

    place: Place
    first: str = ""
    last: str | None = None

    @property
    def is_whole_folder(self) -> bool:
        """Whether no mail of the folder is left out."""
        return not self.first and self.last is None

    def includes(self, key: LedgerKey) -> bool:
        """Return whether the mail with this key is in the range.

        A whole folder also includes the keys of its earlier UIDVALIDITY: there are no such UIDs any more.
        """
        if self.place.folder != key.folder:
            return False
        if self.place.uidvalidity != key.uidvalidity:
            return self.is_whole_folder
        return self.first <= key.uid and (self.last is None or key.uid <= self.last)


WHOLE_INBOX = (UidRange(INBOX),)


@dataclass(frozen=True, slots=True)
class Listing:
    """What the mailbox holds now.

    With `has_uids`, every entry has a uid that no other entry of its folder has. Without, all entries have
    the uid "". `nameless` are further mails whose uid is missing, malformed or not unique, although the
    server has uids. While there are any, no absent uid proves that its mail is gone.
    `covered` are the ranges that were listed completely: the absence of a key proves something only there.
    With `only_changes`, mails of an earlier fingerprint are left out that are surely still there.
    `folders` are the names of all folders that the server has, read or not; None where they are not known: a
    folder that is not among them is gone. `problems` are sentences for the operator. `flagged` are the
    numbers of mails with a flag of the account's `skip`.
    """

    entries: Sequence[Listed]
    has_uids: bool
    problems: Sequence[str]
    nameless: Sequence[Listed] = ()
    covered: Sequence[UidRange] = WHOLE_INBOX
    only_changes: bool = False
    flagged: Set[int] = frozenset()
    folders: frozenset[str] | None = None

    @property
    def without_uids_in(self) -> frozenset[str]:
        """The folders with mails that have no uid."""
        nameless = self.nameless if self.has_uids else self.entries
        return frozenset(each.place.folder for each in nameless)

    def covers(self, key: LedgerKey) -> bool:
        """Return whether the listing would show the mail with this key if it were there."""
        return self.lacks_folder_of(key) or any(each.includes(key) for each in self.covered)

    def lacks_folder_of(self, key: LedgerKey) -> bool:
        """Return whether the server lists its folders, and that of the key is not among them."""
        return self.folders is not None and key.folder not in self.folders


class ListingSpan(NamedTuple):
    """A part of a listing that comes in ranges of UIDs, or all of a listing that comes at once (`is_whole`).

    What the `covered` of a part says holds only once the last part `is_complete`: only then it is known that
    all parts together showed as many mails as the server counts. The last one has the listing's problems.
    """

    listing: Listing
    is_whole: bool = True
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a server tells of the folders of an account, beside their mails.

    `names` are those of all folders, decoded. Of `folder`, which mail is read from: `writable` tells whether
    mail can be deleted there, None where it was opened for reading only; `keeps_uids`, whether a UID names
    the same mail in the next session; `uidnext` is the UID that the next mail gets, None where the server
    does not say. `obstacle` is a sentence about why mail cannot be moved as `removal` says.
    """

    names: Sequence[str]
    folder: str
    writable: bool | None
    keeps_uids: bool
    uidnext: int | None
    obstacle: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server announces: names with their arguments, in upper case.

    `known` is False where the server cannot be asked: then a missing name means nothing.
    """

    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: bool = True

    def __contains__(self, name: str) -> bool:
        return name in self.arguments


UNKNOWN_CAPABILITIES = Capabilities({}, known=False)


class MailWhole(NamedTuple):
    """A mail in one piece, as are all up to the implementation's limit (256 KiB by default)."""

    entry: Listed
    data: bytes


@dataclass(frozen=True, slots=True)
class MailStarted:
    """A larger mail begins; `MailBytes` follow, then `MailEnded`."""

    entry: Listed


@dataclass(frozen=True, slots=True)
class MailBytes:
    """The next octets of a larger mail; never empty."""

    entry: Listed
    data: bytes


@dataclass(frozen=True, slots=True)
class MailEnded:
    """A larger mail is complete; `octets` is its size."""

    entry: Listed
    octets: int


@dataclass(frozen=True, slots=True)
class MailRefused:
    """The server does not hand out this mail; others are not affected.

    `body_came`: octets of the mail, or others in its place, came, so that the server may take it for read.
    `of_all`: the refusal may be about all mails for now. Then its error, or another mail's, is raised at the
    end.
    """

    entry: Listed
    error: MailferryError
    body_came: bool = False
    of_all: bool = False


RetrieveEvent: TypeAlias = MailWhole | MailStarted | MailBytes | MailEnded | MailRefused


class Meter:
    """Counts what a server sends, as it arrives. This one counts nothing."""

    def received(self, octets: int) -> None:
        """Count received octets."""

    def listed(self, octets: int, lines: int) -> None:
        """Count octets and lines of a listing, which is held as long as the session lasts.

        May raise `ListingPutOff`, which ends the session.
        """

    def listing_released(self) -> None:
        """What was listed so far is not held any more."""


UNMETERED = Meter()
