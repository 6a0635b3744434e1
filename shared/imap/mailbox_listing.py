"""List the folders of a mailbox that are read, or only what has changed in them since an earlier state.

Another client may move a mail while one folder is listed after the other: both would show it, or neither. So
the states of the folders are asked for once more at the end, and what has changed meanwhile is listed anew.
The folder that was listed last need not be asked about: no mail of a later one can have come there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shared.imap.combined import Combined, combine
from shared.imap.conversation import Conversation
from shared.imap.events import Selected
from shared.imap.folder_choice import Folder, needs_list
from shared.imap.folder_list import ONLY_INBOX, FolderList, find_folders
from shared.imap.folder_listing import FolderListing, grown
from shared.imap.folder_state import FolderState, ask_states, read_states, selected_state, written_states
from shared.imap.folders import Folders, has_lasting_uids
from shared.imap.limits import Options
from shared.imap.listing import list_folder, list_later
from shared.model.errors import quoted
from shared.model.mailbox import INBOX
from shared.model.source_errors import SourceRefused

MOST_ROUNDS = 3
"""Of listing anew what has changed meanwhile. If mails still come in the last one, absence proves nothing."""


class MailboxLister:
    """Lists the mailbox of one session; `folders` then knows the folders by their names."""

    def __init__(self, conversation: Conversation, folders: Folders, options: Options) -> None:
        self._conversation = conversation
        self._folders = folders
        self._options = options
        self._found: FolderList | None = None
        self._states: Mapping[str, FolderState] | None = None
        self._problems: list[str] = []
        self._ready: dict[str, Selected | FolderListing] = {}

    @property
    def names(self) -> set[str]:
        """The names of the folders that are read."""
        return {each.name for each in self.folders}

    @property
    def folders(self) -> Sequence[Folder]:
        """The folders that are read, as far as they are known yet."""
        return self._found.folders if self._found is not None else ()

    async def fingerprint(self) -> str:
        """Return the states of all folders as text; "" where one is missing, or its state is not sure.

        After a listing they are those that were listed.
        """
        if self._states is None and self._conversation.has_selected:
            return await self._fingerprint_ahead()
        found = await self.find_folders_once(with_states=True)
        states = found.states if self._states is None else self._states
        is_sure = len(states) == len(found.folders) and not found.problems and not self._problems
        return written_states(states) if is_sure else ""

    async def _fingerprint_ahead(self) -> str:
        """Return the state of INBOX as it was selected with the login; "" for a folder selected long ago."""
        selected = self._folders.selected_ahead
        if selected is None:
            return ""
        if (state := selected_state(selected)) is not None:
            return written_states({INBOX.folder: state})
        return (
            written_states(await ask_states(self._conversation, [ONLY_INBOX])) if selected.uidvalidity else ""
        )

    async def list_mailbox(self, since: str) -> Combined:
        """Return the listing; of folders whose states are in `since`, only what came later where that proves
        the rest.
        """
        earlier = read_states(since)
        found = await self.find_folders_once(with_states=bool(earlier) and needs_list(self._options.folders))
        if not earlier.keys() <= {each.name for each in found.folders}:
            earlier = {}  # mails of a folder that is gone may be in any other
        if len(found.folders) > 1:
            # Mails without lasting UIDs cannot be read here. What the server says is all that there is.
            self._folders.distrusted = ()
        self._problems = [*found.problems]
        unchanged = {name: state for name, state in found.states.items() if earlier.get(name) == state}
        listed: dict[str, FolderListing] = {}
        changed = [each for each in found.folders if each.name not in unchanged]
        absence_proves = await self._list_until_stable(found.folders, changed, earlier, unchanged, listed)
        self._states = unchanged | _known_states(listed.values())
        combined = combine([listed[each.name] for each in found.folders if each.name in listed])
        listing = replace(combined.listing, problems=(*self._problems, *combined.listing.problems))
        is_complete = absence_proves and len(listing.covered) == len(found.folders) - len(unchanged)
        if not is_complete and len(found.folders) > 1:
            # A mail that is not there may have been moved to where it is not shown.
            listing = replace(listing, covered=(), only_changes=False)
        elif unchanged:
            listing = replace(listing, only_changes=True)
        if is_complete and not found.problems:
            listing = replace(listing, folders=found.names)
        return combined._replace(listing=listing)

    async def main_folder(self) -> Folder:
        """Return INBOX, or the first of the folders that are read."""
        folders = (await self.find_folders_once(with_states=False)).folders
        inbox = [each for each in folders if each.name == INBOX.folder]
        return next(iter([*inbox, *folders]), ONLY_INBOX)

    async def select_main_unchanged(self) -> bool:
        """Select the main folder; return whether it is as it was listed."""
        folder = await self.main_folder()
        selected = await self._folders.open_for_listing(folder, writable=False)
        known = self.known_states.get(folder.name)
        return known is None or selected.uidnext is None or selected_state(selected) == known

    @property
    def known_states(self) -> Mapping[str, FolderState]:
        """The states of the folders as this visit saw them, as far as they are sure."""
        return self._states if self._states is not None else self._found.states if self._found else {}

    async def find_folders_once(self, *, with_states: bool) -> FolderList:
        """Return the folders that are read, which are asked for once in a visit."""
        if self._found is None:
            self._found = await find_folders(
                self._conversation, self._options.folders, with_states=with_states
            )
        return self._found

    async def _list_until_stable(
        self,
        folders: Sequence[Folder],
        changed: Sequence[Folder],
        earlier: Mapping[str, FolderState],
        unchanged: dict[str, FolderState],
        listed: dict[str, FolderListing],
    ) -> bool:
        """List the folders that have `changed`, and those that change meanwhile. Return whether no mail came
        into a folder after it was listed in the end: it might be from one that was listed later.

        `unchanged` and `listed` are kept up to date. Of a folder whose state the server never tells, nothing
        can be said.
        """
        known: dict[str, FolderState] = {}
        states: dict[str, FolderState] = {}
        for _ in range(MOST_ROUNDS):
            for folder in changed:
                unchanged.pop(folder.name, None)
                answer = await self._list_folder(folder, earlier, listed.pop(folder.name, None))
                if answer is not None:
                    listed[folder.name] = answer
            if not listed or len(folders) == 1:
                return True
            known = unchanged | _known_states(listed.values())
            # Of the selected folder a server may tell what it was when it was selected.
            others = [each for each in folders if each.name in known and not self._folders.is_open(each.name)]
            known = {each.name: known[each.name] for each in others}
            states = await ask_states(self._conversation, others) if others else {}
            changed = [each for each in others if states.get(each.name, known[each.name]) != known[each.name]]
            if not changed:
                break
        return all(name in states and known[name].is_as_late_as(states[name]) for name in known)

    async def _list_folder(
        self, folder: Folder, earlier: Mapping[str, FolderState], before: FolderListing | None
    ) -> FolderListing | None:
        """List a folder; None where the server refuses that, which ends the visit only for INBOX.

        `before` is how it was listed by this visit.
        """
        try:
            return await self._list_opened(folder, earlier, before)
        except SourceRefused as error:
            if folder.name == INBOX.folder:
                raise
            if str(error) not in self._problems:
                self._problems.append(str(error))
            return None

    def use_ready(self, folder: Folder, ready: Selected | FolderListing) -> None:
        """Let `list_mailbox` go on from a folder that is open or listed already."""
        self._ready[folder.name] = ready

    def note_listed(self, problems: Sequence[str], states: Mapping[str, FolderState]) -> None:
        """Note what was found where the mailbox is listed elsewhere: its problems, and the sure states."""
        self._problems, self._states = [*problems], states

    async def open(self, folder: Folder) -> Selected:
        """Select a folder to list it. Raises `SourceError`."""
        return await self._folders.open_for_listing(folder, writable=not self._options.reads_only)

    async def list_later(
        self, folder: Folder, selected: Selected, since: FolderState
    ) -> FolderListing | None:
        """List what came after `since`; None where some of the earlier mails are gone, or may be."""
        options = self._options
        return await list_later(self._conversation, folder, selected, since, options.limits, options.skip)

    async def _list_opened(
        self, folder: Folder, earlier: Mapping[str, FolderState], before: FolderListing | None
    ) -> FolderListing:
        limits = self._options.limits
        ready = self._ready.pop(folder.name, None)
        if isinstance(ready, FolderListing):
            return ready
        selected = ready or await self.open(folder)
        if not has_lasting_uids(selected) and len(self.names) > 1:
            raise SourceRefused(
                f"{self._conversation.server} gives the mails of {quoted(folder.name)} no lasting UIDs. "
                "They are lost when another folder is selected: read this one by an account of its own."
            )
        later = None
        if before is not None and before.state is not None:
            later = await self.list_later(folder, selected, before.state)
            if later is not None:
                return grown(before, later)
        since = earlier.get(folder.name)
        if since is not None:
            later = await self.list_later(folder, selected, since)
        newest = self._options.newest
        return later or await list_folder(
            self._conversation, folder, selected, limits, self._options.skip, newest=newest
        )


def _known_states(listed: Iterable[FolderListing]) -> dict[str, FolderState]:
    """Return the states of folders as they were listed, by name, where they are sure."""
    return {each.name: each.state for each in listed if each.state is not None}
