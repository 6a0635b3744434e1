"""Adapts the IMAP client to the port `Mailbox`.

No flag is ever changed but `\\Deleted`, and that only of mails that are deleted. A folder in which copies
stay is opened by EXAMINE, until one of them is due.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from itertools import groupby

from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.imap import capabilities as imap
from shared.imap.commands import LOGOUT
from shared.imap.conversation import Conversation
from shared.imap.deletion import Expunger
from shared.imap.folders import Folders, may_delete
from shared.imap.headers import read_headers
from shared.imap.limits import Options
from shared.imap.listing import combine, list_folder
from shared.imap.login import LoggedIn
from shared.imap.presence import look_for
from shared.imap.retrieval import Retrieval
from shared.model.errors import quoted
from shared.model.mailbox import Capabilities, Listed, Listing, RetrieveEvent
from shared.net.errors import ConnectionLost
from shared.net.protection import Shortfall


class ImapMailbox(Mailbox):
    """An open IMAP mailbox; see `services.fetcher.mailboxes.imap_opening.open_imap`.

    `notes` are sentences about earlier connections, which listings carry as problems. `shortfall` is one of
    the problems, too.
    """

    def __init__(
        self,
        conversation: Conversation,
        logged_in: LoggedIn,
        options: Options,
        notes: Sequence[str] = (),
        shortfall: Shortfall | None = None,
    ) -> None:
        self._conversation = conversation
        self._logged_in = logged_in
        self._options = options
        self._notes = notes if shortfall is None else (*notes, shortfall.sentence)
        self._shortfall = shortfall
        self._folders = Folders(conversation, logged_in.ahead)
        self._session_uids: dict[int, int] = {}
        self._expungers: dict[str, Expunger] = {}
        self._remarks: list[str] = []
        self._serves = False

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
    def remarks(self) -> Sequence[str]:
        return (*self._conversation.alerts, *self._remarks)

    @override
    async def listing(self) -> Listing:
        listed = []
        for name in self._options.folders:
            selected = await self._folders.open_for_listing(name, writable=not self._options.reads_only)
            listed.append(await list_folder(self._conversation, name, selected, self._options.limits))
        combined = combine(listed)
        self._session_uids = combined.session_uids
        listing = combined.listing
        return Listing(
            listing.entries,
            listing.has_uids,
            (*self._notes, *listing.problems),
            nameless=listing.nameless,
            covered=listing.covered,
        )

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        await self._conversation.discard_answers()
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            retrieval = Retrieval(
                self._conversation,
                mails,
                self._uids_of(mails),
                self._options.window,
                cut,
                serves=self._serves,
            )
            async for events in retrieval.run():
                self._serves = retrieval.serves
                yield events

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        await self._conversation.discard_answers()
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            async for each in read_headers(self._conversation, mails, self._uids_of(mails)):
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
                    f"{quoted(folder)}: delivered mails stay there."
                )
                continue
            uids = self._uids_of(mails)
            expunger = self._expungers.get(folder)
            if expunger is None:
                expunger = self._expungers[folder] = Expunger(self._conversation, folder, self._remarks)
            gone = await expunger.expunge(uids.values())
            agreed += [mail for mail in mails if uids[mail.number] in gone]
        return agreed

    @override
    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        await self._conversation.discard_answers()
        there: list[Listed] = []
        unknown: list[Listed] = []
        for folder, mails in _by_folder(entries):
            await self._folders.open_listed(folder)
            uids = self._uids_of(mails)
            presence = await look_for(self._conversation, uids.values())
            there += [mail for mail in mails if uids[mail.number] in presence.there]
            unknown += [mail for mail in mails if uids[mail.number] in presence.unknown]
        if there:
            self._note(
                f"{self._conversation.server} agreed to delete {len(there)} mails that it still shows; the "
                "next visit deletes them again."
            )
        return None if unknown and len(unknown) == len(entries) else [*there, *unknown]

    @override
    async def finish(self) -> None:
        with contextlib.suppress(ConnectionLost):  # nothing depends on the end of the session
            await self._conversation.discard_answers()
            await self._conversation.execute(LOGOUT)
        await self._conversation.wire.close()

    @override
    async def abort(self) -> None:
        self._conversation.wire.abort()

    def _uids_of(self, entries: Sequence[Listed]) -> dict[int, int]:
        """Return the UIDs of mails of one folder, by number."""
        return {each.number: self._session_uids.get(each.number) or int(each.uid) for each in entries}

    def _note(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)


def _by_folder(entries: Sequence[Listed]) -> Iterator[tuple[str, list[Listed]]]:
    """Yield the mails of each folder; a folder comes again where its mails do not stand together."""
    for folder, mails in groupby(entries, lambda entry: entry.place.folder):
        yield folder, list(mails)


def _in_words(capabilities: imap.Capabilities) -> Capabilities:
    """Return the capabilities as the port has them: what follows a `=` is an argument."""
    arguments: dict[str, tuple[str, ...]] = {}
    for each in sorted(capabilities.names):
        name, separator, value = each.partition("=")
        arguments[name] = (*arguments.get(name, ()), *((value,) if separator else ()))
    return Capabilities(arguments, known=bool(capabilities.names))
