"""What tells that a folder is unchanged: UIDVALIDITY, UIDNEXT and the number of mails (RFC 9051, 2.3.1.1).

With all three the same, nothing came and nothing went. Where UIDNEXT has grown by mails that are all there
and the number of mails has grown by as many, nothing else went.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.imap.commands import status
from shared.imap.conversation import Conversation
from shared.imap.events import Event, MailboxStatus, Reply, Selected
from shared.imap.folder_choice import Folder
from shared.imap.folders import has_lasting_uids
from shared.model.mailbox import INBOX

LONGEST_STATES = 256 * 1024
"""Characters; 1,000 folders with names of 60 letters have 100,000. Each lease of the account carries them."""


class FolderState(NamedTuple):
    """The state of one folder."""

    uidvalidity: int
    uidnext: int
    messages: int

    def is_as_late_as(self, later: FolderState) -> bool:
        """Return whether no mail came into the folder up to the state `later`."""
        return (self.uidvalidity, self.uidnext) == (later.uidvalidity, later.uidnext)


async def ask_states(conversation: Conversation, folders: Sequence[Folder]) -> dict[str, FolderState]:
    """Return the states of these folders by name, in one round trip; none where the server refuses one.

    A folder is left out whose state the server does not tell. Of a selected folder a server may tell what it
    was when it was selected.
    """
    await conversation.discard_answers()
    events = await conversation.execute_all([status(each.raw) for each in folders])
    if any(isinstance(event, Reply) and not event.ok for event in events):
        return {}
    return states_among(events, folders)


def states_among(events: Iterable[Event], folders: Sequence[Folder]) -> dict[str, FolderState]:
    """Return the states that the server told of these folders, by name."""
    names = {_comparable(each.raw): each.name for each in folders}
    states = {}
    for event in events:
        if isinstance(event, MailboxStatus) and (name := names.get(_comparable(event.raw))) is not None:
            state = _state(event.uidvalidity, event.uidnext, event.messages)
            if state is not None:
                states[name] = state
    return states


def selected_state(selected: Selected) -> FolderState | None:
    """Return the state of a folder as it was when it was selected; None where the server does not tell."""
    if not has_lasting_uids(selected):
        return None
    return _state(selected.uidvalidity, selected.uidnext, selected.exists)


def written_states(states: Mapping[str, FolderState]) -> str:
    """Return the states as text, the same for the same states; "" where it would be too long."""
    text = json.dumps({name: list(states[name]) for name in sorted(states)}, separators=(",", ":"))
    return text if len(text) <= LONGEST_STATES else ""


def read_states(text: str) -> dict[str, FolderState]:
    """Return the states that were written; none where the text is something else."""
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    states = {}
    for name, numbers in read.items() if isinstance(read, dict) else ():
        match numbers:
            case [int(), int(), int()]:
                states[name] = FolderState(*numbers)
    return states


def _state(uidvalidity: int | None, uidnext: int | None, messages: int | None) -> FolderState | None:
    if not uidvalidity or not uidnext or messages is None:
        return None
    return FolderState(uidvalidity, uidnext, messages)


def _comparable(raw: bytes) -> bytes:
    """Return the name on the wire; that of INBOX is written in any case."""
    return raw.upper() if raw.upper() == INBOX.folder.encode("ascii") else raw
