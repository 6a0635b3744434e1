"""Which folder of a session is selected, and that its UIDs are still those that were listed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from shared.imap import commands
from shared.imap.commands import Command
from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Event, Reply, Selected
from shared.imap.folder_choice import Folder
from shared.imap.refusals import refused_folder
from shared.model.errors import quoted
from shared.model.source_errors import SourceRefused

DELETED = "\\deleted"


class Folders:
    """The folders of one session, by their decoded names.

    `ahead` are the events of a SELECT or EXAMINE that was sent with the login; () where none was. The UIDs of
    folders that are `distrusted` hold for this session, whatever the server says.
    """

    def __init__(self, conversation: Conversation, ahead: Sequence[Event] = ()) -> None:
        self._ahead = ahead
        self._conversation = conversation
        self._selected: str | None = None
        self._is_writable = False
        self._listed: dict[str, Selected] = {}
        self._raw: dict[str, bytes] = {}
        self.distrusted: Collection[str] = ()

    @property
    def selected_ahead(self) -> Selected | None:
        """What the server told of the folder that was selected with the login; None where none was."""
        return next((event for event in self._ahead if isinstance(event, Selected)), None)

    def is_open(self, name: str) -> bool:
        """Return whether this folder is selected."""
        return self._selected == name

    def forget_selected(self) -> None:
        """Note that another connection goes on with the session, on which no folder is selected."""
        self._selected = None

    async def open_for_listing(self, folder: Folder, *, writable: bool) -> Selected:
        """Select a folder anew, so that it shows its present state. Raises `SourceError`."""
        self._raw[folder.name] = folder.raw
        selected = await self._select(folder.name, writable=writable)
        if folder.name in self.distrusted:
            selected = replace(selected, uid_not_sticky=True)
        self._listed[folder.name] = selected
        return selected

    async def open_listed(self, name: str, *, writable: bool = False) -> Selected:
        """Select a folder that was listed, unless it is. Raises `SourceError`.

        Its UIDs must still be those of the listing (custody rule 4).
        """
        listed = self._listed[name]
        if self._selected == name and (self._is_writable or not writable):
            return listed
        selected = await self._select(name, writable=writable)
        if not has_lasting_uids(listed) or selected.uidvalidity != listed.uidvalidity:
            self._selected = None
            raise SourceRefused(
                f"{self._conversation.server} gave the mails of {quoted(name)} other UIDs within the "
                "session; the next visit lists them anew."
            )
        self._listed[name] = selected
        return selected

    async def _select(self, name: str, *, writable: bool) -> Selected:
        await self._conversation.discard_answers()
        command = opening(self._raw[name], writable=writable)
        self._selected = None
        events, self._ahead = self._ahead, ()
        if not any(isinstance(event, Reply) and event.command == command for event in events):
            events = await self._conversation.execute_all([command])
        reply = reply_to(command, events)
        if not reply.ok:
            raise refused_folder(self._conversation.server, name, reply)
        self._selected, self._is_writable = name, writable
        return next(event for event in events if isinstance(event, Selected))


def opening(raw: bytes, *, writable: bool) -> Command:
    """Return the command that selects the folder with this name on the wire. Raises `Unsendable`."""
    return commands.select(raw) if writable else commands.examine(raw)


def has_lasting_uids(selected: Selected) -> bool:
    """Return whether UIDs name mails beyond this session (RFC 9051, section 2.3.1.1)."""
    return bool(selected.uidvalidity) and not selected.uid_not_sticky


def may_delete(selected: Selected) -> bool:
    """Return whether mails of the folder can be marked as deleted for good."""
    flags = selected.permanent_flags
    return not selected.read_only and (flags is None or DELETED in flags)
