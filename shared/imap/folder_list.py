"""Ask the server for its folders, and for their states in the same round trip where it can (RFC 5819)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.imap.commands import list_mailboxes
from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Event, MailboxListed
from shared.imap.folder_choice import (
    MOST_FOLDERS,
    NOT_READABLE,
    Chosen,
    Folder,
    choose_folders,
    name_of,
    needs_list,
)
from shared.imap.folder_state import FolderState, ask_states, states_among
from shared.imap.refusals import refused_command, was_not_understood
from shared.model.errors import quoted
from shared.model.mailbox import INBOX
from shared.model.source_errors import LimitExceeded

MOST_NAMED = 3
ONLY_INBOX = Folder(INBOX.folder, INBOX.folder.encode("ascii"))


@dataclass(frozen=True, slots=True)
class FolderList:
    """The folders to read.

    `states` are those that the server told, by name. `listed` are all folders; () where they were not asked
    for. `problems` are sentences about folders that are wanted but not there.
    """

    folders: Sequence[Folder]
    states: Mapping[str, FolderState]
    listed: Sequence[MailboxListed] = ()
    problems: Sequence[str] = ()

    @property
    def names(self) -> frozenset[str] | None:
        """The names of all folders that can hold mail; None where the server did not tell them.

        A list without INBOX, which every mailbox has (RFC 9051, section 5.1), is not whole.
        """
        names = frozenset(name_of(each) for each in self.listed if not each.attributes & NOT_READABLE)
        return names if INBOX.folder in names else None


async def find_folders(conversation: Conversation, wanted: Sequence[str], *, with_states: bool) -> FolderList:
    """Return the folders that are wanted; `with_states`: and their states.

    Raises `SourceError` where the server does not list its folders, or has more than `MOST_FOLDERS`.
    """
    if not needs_list(wanted):
        folders = [ONLY_INBOX]
        return FolderList(folders, await ask_states(conversation, folders) if with_states else {})
    events = await _list(conversation, with_states=with_states)
    listed = [event for event in events if isinstance(event, MailboxListed)]
    chosen = choose_folders(wanted, listed)
    states = states_among(events, chosen.folders)
    if with_states and chosen.folders and not conversation.can("LIST-STATUS"):
        states = await ask_states(conversation, chosen.folders)
    return FolderList(chosen.folders, states, listed, _problems(conversation.server, chosen))


async def list_folders(conversation: Conversation) -> Sequence[MailboxListed]:
    """Return all folders of the mailbox. Raises as `find_folders` does."""
    events = await _list(conversation, with_states=False)
    return [event for event in events if isinstance(event, MailboxListed)]


async def _list(conversation: Conversation, *, with_states: bool) -> Sequence[Event]:
    """List all folders; `with_states`: and their states where one command can do both."""
    in_one = with_states and conversation.can("LIST-STATUS")
    special_use = conversation.can("SPECIAL-USE")
    command = list_mailboxes([b"*"], with_status=in_one, special_use=special_use)
    await conversation.discard_answers()
    events = await conversation.execute_all([command])
    reply = reply_to(command, events)
    if (in_one or special_use) and was_not_understood(reply):  # although it is announced
        conversation.do_without("LIST-STATUS" if in_one else "SPECIAL-USE")
        return await _list(conversation, with_states=with_states)
    if not reply.ok:
        raise refused_command(f"Listing the folders of {conversation.server}", reply)
    if sum(isinstance(event, MailboxListed) for event in events) > MOST_FOLDERS:
        raise LimitExceeded(f"{conversation.server} has more than {MOST_FOLDERS} folders.")
    return events


def _problems(server: str, chosen: Chosen) -> list[str]:
    problems = [
        f'{server} has no folder {quoted(each)}: correct "folders" (`mailferry test-login` shows the names)'
        for each in chosen.missing
    ]
    if chosen.unreadable:
        named = ", ".join(quoted(each) for each in chosen.unreadable[:MOST_NAMED])
        problems.append(
            f"{len(chosen.unreadable)} folders of {server} are not read, as their names are too long or, "
            f"with / between the levels, those of other folders; rename them there: {named}"
        )
    if not chosen.folders:
        problems.append(f'no folder of {server} is among "folders", so nothing is fetched')
    return problems
