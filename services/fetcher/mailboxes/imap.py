"""Adapts the IMAP client to the port `Mailbox`.

Of the flags only `\\Deleted` is set, on mails that are deleted, and `\\Seen` where the account wants that. A
folder in which copies stay is opened by EXAMINE until something is to be changed there.
"""

from __future__ import annotations

import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from functools import partial
from itertools import groupby

from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.imap import capabilities as imap
from shared.imap.commands import LOGOUT, NOOP, NOTIFY_NONE, UNSELECT
from shared.imap.conversation import Conversation
from shared.imap.copied import CopiedMails
from shared.imap.events import Event
from shared.imap.folder_names import folder_names
from shared.imap.folders import Folders, has_lasting_uids, may_delete
from shared.imap.headers import read_headers
from shared.imap.idling import Idling
from shared.imap.limits import Options
from shared.imap.login import LoggedIn
from shared.imap.mail_reader import MailReader
from shared.imap.mailbox_listing import MailboxLister
from shared.imap.mailbox_spans import list_mailbox_spans
from shared.imap.moving import Source
from shared.imap.notifying import Notifying
from shared.imap.presence import look_for
from shared.imap.received import read_received
from shared.imap.removal import Remover
from shared.imap.seen import mark_seen
from shared.model.errors import quoted
from shared.model.mailbox import (
    Capabilities,
    FolderFacts,
    Listed,
    Listing,
    ListingSpan,
    RetrieveEvent,
    UidRange,
)
from shared.net.errors import ConnectionLost
from shared.net.protection import Shortfall


class ImapMailbox(Mailbox):
    """An open IMAP mailbox; see `services.fetcher.mailboxes.imap_opening.open_imap`.

    `notes` are sentences about earlier connections, which listings carry as problems. `shortfall` is one of
    the problems, too. `log_in_again` opens a new session where the connection broke within a huge mail.
    """

    def __init__(
        self,
        conversation: Conversation,
        logged_in: LoggedIn,
        options: Options,
        notes: Sequence[str] = (),
        shortfall: Shortfall | None = None,
        log_in_again: Callable[[], Awaitable[Conversation]] | None = None,
    ) -> None:
        self._conversation = conversation
        self._logged_in = logged_in
        self._options = options
        self._notes = notes if shortfall is None else (*notes, shortfall.sentence)
        self._shortfall = shortfall
        self._log_in_again = log_in_again
        self._idling = Idling(conversation)
        self._notifying = Notifying(conversation)
        self._copied = CopiedMails()
        self._begin_visit(logged_in.ahead)

    def _begin_visit(self, ahead: Sequence[Event] = ()) -> None:
        self._folders = Folders(self._conversation, ahead)
        self._lister = MailboxLister(self._conversation, self._folders, self._options)
        self._remarks: list[str] = []
        self._remover = Remover(self._conversation, self._options.removal, self._copied, self._remarks)
        self._session_uids: Mapping[int, int] = {}
        self._reader = MailReader(self._conversation, self._options)

    @property
    @override
    def method(self) -> str | None:
        return self._logged_in.method

    @property
    @override
    def capabilities(self) -> Capabilities:
        return _in_words(self._logged_in.capabilities)

    @property
    @override
    def shortfall(self) -> Shortfall | None:
        return self._shortfall

    @property
    @override
    def deletes_at_once(self) -> bool:
        return True

    @property
    @override
    def can_wait(self) -> bool:
        return self._conversation.can("IDLE")

    @property
    @override
    def waits_for_all(self) -> bool:
        # Some servers agree to NOTIFY and tell nothing, so that the first telling is waited for.
        return len(self._lister.names) <= 1 or (
            self._idling.has_told_of_others and self._notifying.can_tell(self._lister.folders)
        )

    @property
    @override
    def remarks(self) -> Sequence[str]:
        return (*self._conversation.alerts, *self._remarks)

    @property
    @override
    def memory(self) -> str:
        return self._copied.written

    @override
    def recall(self, memory: str) -> None:
        self._copied = CopiedMails(memory)
        self._remover = Remover(self._conversation, self._options.removal, self._copied, self._remarks)

    @override
    async def fingerprint(self) -> str:
        return "" if self._notes else await self._lister.fingerprint()

    @override
    def distrust_uids(self, folders: Collection[str]) -> None:
        self._folders.distrusted = folders

    @override
    async def listing(self, since: str = "") -> Listing:
        listing, self._session_uids = await self._lister.list_mailbox(since)
        self._copied.keep_listed(listing)
        return replace(listing, problems=(*self._notes, *listing.problems))

    @override
    async def listing_spans(self, since: str = "") -> AsyncGenerator[ListingSpan, None]:
        there: set[Listed] = set()
        conversation, lister, options = self._conversation, self._lister, self._options
        async for span, combined in list_mailbox_spans(conversation, lister, options, since):
            listing = span.listing
            if combined is not None:
                self._session_uids = combined.session_uids
                self._copied.keep_listed(listing)
            else:
                there |= self._copied.among(listing.entries)
                if span.is_complete:
                    (last,) = listing.covered
                    whole = replace(listing, entries=[*there], covered=(UidRange(last.place),))
                    self._copied.keep_listed(whole)
            yield span._replace(listing=replace(listing, problems=(*self._notes, *listing.problems)))
            if combined is None:
                self._options.limits.meter.listing_released()

    @override
    async def folder_facts(self, *, deletes: bool) -> FolderFacts:
        folder = await self._lister.main_folder()
        selected = await self._folders.open_for_listing(folder, writable=deletes)
        return FolderFacts(
            await folder_names(self._conversation),
            folder.name,
            writable=may_delete(selected) if deletes else None,
            keeps_uids=has_lasting_uids(selected),
            uidnext=selected.uidnext,
            obstacle=await self._remover.obstacle(self._lister.names) if deletes else None,
        )

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        await self._conversation.discard_answers()
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            reopen = None if self._log_in_again is None else partial(self._reopen, folder)
            async for events in self._reader.read(mails, self._uids_of(mails), cut, reopen):
                yield events

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        await self._conversation.discard_answers()
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            async for each in read_headers(self._conversation, mails, self._uids_of(mails)):
                yield each

    @override
    async def received(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, float | None]]:
        await self._conversation.discard_answers()
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            async for each in read_received(self._conversation, mails, self._uids_of(mails)):
                yield each

    @override
    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        await self._conversation.discard_answers()
        agreed: list[Listed] = []
        for folder, mails in _by_folder(entries):
            selected = await self._folders.open_listed(folder, writable=True)
            if not may_delete(selected):
                self._note(
                    f"{self._conversation.server} does not let this account delete mails in "
                    f"{quoted(folder)}: delivered mails stay there. Ask its operator for the right "
                    'to delete, or set retention = "keep".'
                )
                continue
            uids = self._uids_of(mails)
            source = Source(folder, mails[0].place.uidvalidity)
            gone = await self._remover.remove(source, uids.values(), self._lister.names)
            agreed += [mail for mail in mails if uids[mail.number] in gone]
        return agreed

    @override
    async def mark_seen(self, entries: Sequence[Listed]) -> None:
        await self._conversation.discard_answers()
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder, writable=True)
            uids = self._uids_of(mails)
            if (sentence := await mark_seen(self._conversation, folder, uids.values())) is not None:
                self._note(sentence)

    @override
    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        await self._conversation.discard_answers()
        there: list[Listed] = []
        unknown: list[Listed] = []
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            uids = self._uids_of(mails)
            presence = await look_for(self._conversation, uids.values())
            gone = {*uids.values()} - presence.not_proven_gone
            self._copied.note_gone(folder, mails[0].place.uidvalidity, gone)
            there += [mail for mail in mails if uids[mail.number] in presence.there]
            unknown += [mail for mail in mails if uids[mail.number] in presence.unknown]
        if there:
            self._note(
                f"{self._conversation.server} agreed to delete {len(there)} mails that it still shows; the "
                "next visit deletes them again."
            )
        return None if unknown and len(unknown) == len(entries) else [*there, *unknown]

    @override
    async def wait_for_change(self) -> None:
        await self._conversation.discard_answers()
        self._conversation.wire.set_deadline(None)
        if not await self._lister.select_main_unchanged():
            return
        main = await self._lister.main_folder()
        others = [each for each in self._lister.folders if each != main]
        if (
            others
            and self._notifying.can_tell(self._lister.folders)
            and not await self._notifying.begin(others, self._lister.known_states)
        ):
            return
        await self._idling.wait_for_change()

    @override
    def forget_listing(self) -> None:
        self._session_uids = {}

    @override
    async def resume(self) -> bool:
        self._conversation.wire.set_deadline(self._options.timeouts.session)
        changed = await self._idling.end()
        await self._conversation.discard_answers()
        closes_folder = self._conversation.has_selected and self._conversation.can("UNSELECT")
        # The answer shows that the session is still there; a server may have ended it long ago.
        commands = [NOTIFY_NONE] if self._notifying.is_on else []
        await self._conversation.execute_all([*commands, UNSELECT if closes_folder else NOOP])
        self._notifying.is_on = False
        self._conversation.begin_anew()
        self._begin_visit()
        return changed

    @override
    async def finish(self) -> None:
        with contextlib.suppress(ConnectionLost):  # nothing depends on the end of the session
            await self._conversation.discard_answers()
            await self._conversation.execute(LOGOUT)
        await self._conversation.wire.close()

    @override
    async def abort(self) -> None:
        self._conversation.wire.abort()

    async def _reopen(self, folder: str) -> None:
        """Go on in a new session, with the folder selected; the old connection is lost."""
        assert self._log_in_again is not None
        self._conversation.wire.abort()
        self._conversation.continue_as(await self._log_in_again())
        self._folders.forget_selected()
        await self._folders.open_listed(folder)

    def _uids_of(self, entries: Sequence[Listed]) -> dict[int, int]:
        """Return the UIDs of mails of one folder, by number."""
        return {each.number: self._session_uids.get(each.number) or int(each.uid) for each in entries}

    def _note(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)


def _by_folder(entries: Sequence[Listed]) -> Iterator[tuple[str, list[Listed]]]:
    """Yield the mails of each folder, in their order. Each folder is opened once."""
    for folder, mails in groupby(sorted(entries, key=_folder_of), _folder_of):
        yield folder, list(mails)


def _folder_of(entry: Listed) -> str:
    return entry.place.folder


def _in_words(capabilities: imap.Capabilities) -> Capabilities:
    """Return the capabilities as the port has them: what follows a `=` is an argument."""
    arguments: dict[str, tuple[str, ...]] = {}
    for each in sorted(capabilities.names):
        name, separator, value = each.partition("=")
        arguments[name] = (*arguments.get(name, ()), *((value,) if separator else ()))
    return Capabilities(arguments, known=bool(capabilities.names))
