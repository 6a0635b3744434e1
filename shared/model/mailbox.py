"""A source mailbox as a fetcher session sees it: listed, retrieved, deleted from; never a protocol.

Any order of calls is allowed while the mailbox is open; calls do not overlap. An error that is a
`SourceViolation`, a `LimitExceeded` or a `NetworkError` ends the mailbox: only `abort` makes sense
afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from shared.model.errors import MailferryError


class Listed(NamedTuple):
    """One mail of a listing.

    `uid` is the server's name for it, stable over sessions, or "" where it has none. `number` is valid in
    this session only. `size` in octets is what the server claims, 0 if unknown: for planning, never for
    framing. `twin`: which one it is of the mails of its size that have no uid, from 1.
    """

    uid: str
    number: int
    size: int
    twin: int = 1

    @property
    def name(self) -> str:
        """By what a mail is set aside: its uid, or else its size, and which one of that size it is: the same
        until one of its size before it goes. No uid begins with a blank.
        """
        return self.uid or f" {self.size}-octets" + (f"-{self.twin}" if self.twin > 1 else "")


@dataclass(frozen=True, slots=True)
class Listing:
    """What the mailbox holds now.

    With `has_uids`, every entry has a uid that no other entry has. Without, all entries have the uid "".
    `nameless` are mails that are there too, but whose uid is missing, malformed or not unique, although the
    server has uids: as long as there are any, a uid that is not listed does not prove that its mail is gone.
    `complete` is False if a cap cut the listing: then too, absence proves nothing.
    `problems` are sentences for the operator. `uidvalidity` is 0 where the protocol has none.
    """

    entries: Sequence[Listed]
    has_uids: bool
    problems: Sequence[str]
    uidvalidity: int = 0
    nameless: Sequence[Listed] = ()
    complete: bool = True


class MailWhole(NamedTuple):
    """A mail that came in one piece, as all do up to the implementation's limit for that (256 KiB by
    default).
    """

    entry: Listed
    data: bytes


@dataclass(frozen=True, slots=True)
class MailStarted:
    """A larger mail begins; `MailBytes` follow, then `MailEnded`."""

    entry: Listed


@dataclass(frozen=True, slots=True)
class MailBytes:
    """The next bytes of a larger mail; never empty."""

    entry: Listed
    data: bytes


@dataclass(frozen=True, slots=True)
class MailEnded:
    """A larger mail is complete; `octets` is the sum of its bytes."""

    entry: Listed
    octets: int


@dataclass(frozen=True, slots=True)
class MailRefused:
    """The server does not hand out this mail; the others are not affected.

    `body_came`: something came of it or in its place, so that the server may take it for read. `of_all`: it
    may be about all mails for now and not about this one; then its error, or that of another one, is raised
    at the end.
    """

    entry: Listed
    error: MailferryError
    body_came: bool = False
    of_all: bool = False


RetrieveEvent: TypeAlias = MailWhole | MailStarted | MailBytes | MailEnded | MailRefused


class Meter:
    """Is told what a server sends, as it arrives. This one takes no notice."""

    def received(self, octets: int) -> None:
        """So many octets came."""

    def listed(self, octets: int, lines: int) -> None:
        """So much of them belongs to a listing, which is held as long as the session lasts.

        May raise `ListingPutOff`, which ends the session.
        """


UNMETERED = Meter()


class Mailbox(Protocol):
    """What an implementation owes."""

    async def listing(self) -> Listing:
        """What is there. One malformed line never hides the other mails; it becomes a problem."""
        ...

    def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        """The mails, byte-exact, as batches of what arrived together, in the order of `entries` but for some
        that have to be asked for again, or show sooner whether the server serves any.

        A mail is either `MailWhole`, or `MailStarted`, `MailBytes`…, `MailEnded`, or `MailRefused`; the last
        may also follow a start, and so may another start: then what came of the mail does not count. The
        iterator may be left at any point; what is on its way then is read and thrown away by the next call.
        `cut` are the names of mails of which an earlier session found that the server ends them too early
        (`OutOfStep`).

        A `SourceError` that does not end the mailbox is raised when the server serves no mail for the time
        being.
        """
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What the operator should know of the session so far, apart from what the listing said."""
        ...

    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        """These mails with their headers, read without a trace; None for one that cannot be had so. Of a
        header without end it is the beginning.
        """
        for entry in entries:
            yield entry, None

    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        """Mark for deletion; returns those that the server agreed to. `finish` makes it happen."""
        ...

    async def finish(self) -> None:
        """End the session so that the server carries out the deletions, and close.

        An error leaves open whether it did; the next listing tells.
        """
        ...

    async def abort(self) -> None:
        """Close at once, so that nothing is deleted. Never raises; may follow anything, `finish` included."""
        ...
