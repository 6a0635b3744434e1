"""Have the server tell of several folders at once (NOTIFY; RFC 5465), while it is waited for by IDLE.

What it tells is a hint, as with IDLE alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.imap.commands import notify
from shared.imap.conversation import Conversation, reply_to
from shared.imap.folder_choice import Folder
from shared.imap.folder_state import FolderState, states_among
from shared.imap.refusals import REFUSALS

MOST_FOLDERS = 100
"""Each is watched by the server, and all their names stand in one line, some of which end at 8,000 octets."""
LONGEST_NAMES = 4_000
OF_THIS_SESSION = frozenset({"NOTIFICATIONOVERFLOW", "UNAVAILABLE"})
"""Codes of refusals that say nothing of other sessions: so many folders are not watched (RFC 5465, section
5.8), and another account may have fewer; or something is broken for now."""


class Notifying:
    """The folders of one session of which the server tells. `is_on`: it tells of changes now."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._is_refused = False
        self.is_on = False

    def can_tell(self, folders: Sequence[Folder]) -> bool:
        """Return whether the server tells of so many folders, as far as is known."""
        return (
            not self._is_refused
            and self._conversation.can("NOTIFY")
            and len(folders) <= MOST_FOLDERS
            and sum(len(each.raw) for each in folders) <= LONGEST_NAMES
        )

    async def begin(self, others: Sequence[Folder], known: Mapping[str, FolderState]) -> bool:
        """Ask the server to tell of the selected folder and of `others`.

        Return False where one of these is not as it is `known`, or the server refuses: then it is not asked
        again in this session, and the account has to be visited. A server that does not know NOTIFY is not
        asked in the sessions of the next day either.
        """
        command = notify([each.raw for each in others])
        self.is_on = True  # before the first await: who cancels this switches it off
        events = await self._conversation.execute_all([command])
        reply = reply_to(command, events)
        self.is_on = reply.ok
        self._is_refused = not self.is_on
        is_passing = reply.code in OF_THIS_SESSION or REFUSALS.is_temporary(reply.code, reply.text)
        if not reply.ok and not is_passing:
            self._conversation.do_without("NOTIFY")
        told = states_among(events, others)
        return self.is_on and all(known[name] == told[name] for name in known.keys() & told.keys())
