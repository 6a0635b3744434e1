"""The port `Mailbox`: an open source mailbox as a visit sees it, whatever its protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from typing import Protocol

from shared.model.mailbox import (
    UNKNOWN_CAPABILITIES,
    Capabilities,
    FolderFacts,
    Listed,
    Listing,
    ListingSpan,
    RetrieveEvent,
)
from shared.model.received import received_at
from shared.model.source_errors import SourceRefused
from shared.net.errors import Misused
from shared.net.protection import Shortfall


class Mailbox(Protocol):
    """An open source mailbox.

    Any order of calls is allowed while the mailbox is open; calls do not overlap. A `SourceViolation`, a
    `LimitExceeded` and a `NetworkError` end the mailbox: only `abort` makes sense afterwards.
    """

    @property
    def method(self) -> str | None:
        """The login method that succeeded, to be tried first next time; None where there is no choice."""
        return None

    @property
    def capabilities(self) -> Capabilities:
        """What the server announced after the login."""
        return UNKNOWN_CAPABILITIES

    @property
    def shortfall(self) -> Shortfall | None:
        """What the session lacks of the TLS that was wanted. The listing's problems name it, too."""
        return None

    @property
    def login_delay(self) -> float:
        """The seconds that the server wants from one login to the next; 0 where it does not say."""
        return 0.0

    @property
    def deletes_at_once(self) -> bool:
        """Whether `delete` removes mails at once, and not only `finish`."""
        return False

    @property
    def can_wait(self) -> bool:
        """Whether `wait_for_change` is to be had."""
        return False

    @property
    def waits_for_all(self) -> bool:
        """Whether `wait_for_change` tells of all folders that are read."""
        return True

    @property
    def stays_open(self) -> bool:
        """Whether the session went on after `finish`, and tells when mail comes."""
        return False

    @property
    def remarks(self) -> Sequence[str]:
        """What the operator should know of the session so far, apart from the listing's problems."""
        ...

    @property
    def memory(self) -> str:
        """What the next visit has to know of this one, as text for its `recall`; "" where that is nothing."""
        return ""

    def recall(self, memory: str) -> None:
        """Take what the visit before left as its `memory`; called before anything else of the visit."""
        return

    async def fingerprint(self) -> str:
        """Return a text that is another one once mail has come or gone.

        It is cheaper than a listing. After `listing`, it is that of the mailbox as it was listed. "": the
        mailbox cannot tell, or there is something that the operator should know of each visit.
        """
        return ""

    def distrust_uids(self, folders: Collection[str]) -> None:
        """List the mails of these folders as without a uid: those that the server gives do not last.

        A mailbox with several folders may go on with them.
        """
        return

    async def listing(self, since: str = "") -> Listing:
        """List the mails. A malformed line hides no other mail; it becomes a problem.

        A mail that is moved while one folder is listed after the other is listed once, or nothing is covered.

        `since` is an earlier fingerprint. Where the mailbox can prove that mails of that time are still
        there, it may leave them out, and cover only the others.
        """
        ...

    async def listing_spans(self, since: str = "") -> AsyncGenerator[ListingSpan, None]:
        """Yield the listing in parts, where the mailbox is huge and can list ranges of UIDs; else in one.

        Numbers name mails over all parts. Between two parts no other call is made. A part is only held until
        the next one is asked for. `since` is as for `listing`: only all of a listing leaves mails out.
        """
        yield ListingSpan(await self.listing(since))

    async def folder_facts(self, *, deletes: bool) -> FolderFacts | None:
        """Return what the server tells of the folders, asked for an operator; None without folders.

        Asked after the listing, which it makes void. `deletes`: the account has mail deleted at some time.
        """
        return None

    def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        """Read the mails, byte-exact, and yield what arrived together.

        The mails come in the order of `entries`, but for some that are asked for again, or earlier, to see
        whether the server serves any. For each there comes either `MailWhole`, or `MailStarted`,
        `MailBytes`…, `MailEnded`, or `MailRefused`. `MailRefused` and another `MailStarted` may also follow
        a `MailStarted`: then what came of the mail before does not count. The iterator may be left at any
        point; the next call discards what is on its way.
        `cut` are the names of mails that the server ended too early in an earlier session (`OutOfStep`).

        Raises a `SourceError` that does not end the mailbox when the server serves no mail for now.
        """
        ...

    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        """Yield each mail with its header, read without a trace; None where the server does not give it.

        A very long header is cut.
        """
        for entry in entries:
            yield entry, None

    async def received(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, float | None]]:
        """Yield each mail with the time at which its server received it, in seconds since the epoch, read
        without a trace; None where that is not to be had. Mails that the server leaves to later are left out.

        Where the protocol does not tell, the header does.
        """
        async for entry, header in self.headers(entries):
            yield entry, None if header is None else received_at(header)

    async def header(self, entry: Listed) -> bytes:
        """Return the header of one mail, read without a trace. Raises `SourceRefused`."""
        async for _, header in self.headers([entry]):
            if header is not None:
                return header
        raise SourceRefused(f"The server does not show the header of mail {entry.number}.")

    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        """Delete mails, or mark them for `finish` to delete; return those that the server agreed to."""
        ...

    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        """Return which of the mails the mailbox still holds, asked after `delete` was confirmed.

        None: only the listing of a later session tells.
        """
        return None

    async def mark_seen(self, entries: Sequence[Listed]) -> None:
        """Mark mails as read at the source, where it has such a mark; `remarks` say if it refuses that."""
        return

    async def finish(self) -> None:
        """End the session so that the server carries out the deletions, and close.

        An error leaves open whether it did; the next listing tells.
        """
        ...

    async def wait_for_change(self) -> None:
        """Return when mail may have come or gone since the last listing; called instead of `finish`.

        It may be cancelled. Afterwards only `resume`, `finish` and `abort` make sense. Raises what ends the
        mailbox.
        """
        raise Misused("This mailbox cannot wait for changes.")

    def forget_listing(self) -> None:
        """Free the memory of the listing. Afterwards only what may follow `wait_for_change` makes sense, and
        `fingerprint` where there was a listing.
        """
        return

    async def resume(self) -> bool:
        """Begin another visit in the same session, after one that ended in order. Return whether the server
        told of a change while nobody waited any more.
        """
        raise Misused("This mailbox ends with its visit.")

    async def abort(self) -> None:
        """Close at once, so that nothing more is deleted. Never raises; may follow anything."""
        ...
