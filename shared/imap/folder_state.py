"""What tells that a folder is unchanged: UIDVALIDITY, UIDNEXT and the number of mails (RFC 9051, 2.3.1.1).

With all three the same, nothing came and nothing went. Where UIDNEXT has grown by mails that are all there
and the number of mails has grown by as many, nothing else went.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.imap.commands import status
from shared.imap.conversation import Conversation
from shared.imap.events import MailboxStatus, Reply, Selected
from shared.imap.folders import has_lasting_uids
from shared.imap.mailbox_names import encode_name
from shared.model.mailbox import INBOX


class FolderState(NamedTuple):
    """The state of one folder."""

    uidvalidity: int
    uidnext: int
    messages: int


async def ask_states(conversation: Conversation, folders: Sequence[str]) -> dict[str, FolderState]:
    """Return the states of these folders, in one round trip; none for those whose server does not tell.

    Of a selected folder a server may tell what it was when it was selected.
    """
    await conversation.discard_answers()
    raw = {encode_name(name, utf8=conversation.takes_utf8): name for name in folders}
    events = await conversation.execute_all([status(each) for each in raw])
    refused = [event for event in events if isinstance(event, Reply) and not event.ok]
    if refused:
        return {}
    known = {each.upper() if _is_inbox(each) else each: name for each, name in raw.items()}
    states = {}
    for event in events:
        if isinstance(event, MailboxStatus):
            name = known.get(event.raw.upper() if _is_inbox(event.raw) else event.raw)
            state = _state(event.uidvalidity, event.uidnext, event.messages)
            if name is not None and state is not None:
                states[name] = state
    return states


def selected_state(selected: Selected) -> FolderState | None:
    """Return the state of a folder as it was when it was selected; None where the server does not tell."""
    if not has_lasting_uids(selected):
        return None
    return _state(selected.uidvalidity, selected.uidnext, selected.exists)


def written_states(states: Mapping[str, FolderState]) -> str:
    """Return the states as text, the same for the same states."""
    return json.dumps({name: list(states[name]) for name in sorted(states)}, separators=(",", ":"))


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


def _is_inbox(raw: bytes) -> bool:
    return raw.upper() == INBOX.folder.encode("ascii")
