"""Ask for the names of all folders, to show them to an operator."""

from __future__ import annotations

from itertools import islice

from shared.imap import commands
from shared.imap.conversation import Conversation
from shared.imap.events import MailboxListed
from shared.imap.folder_choice import MOST_FOLDERS, NOT_READABLE, name_of

ALL = b"*"


async def folder_names(conversation: Conversation) -> list[str]:
    """Return the names of folders that can hold mails, up to `MOST_FOLDERS`; none where the server does not
    list them.
    """
    await conversation.discard_answers()
    everything = commands.list_mailboxes([ALL], with_status=False, special_use=False)
    events = await conversation.execute_all([everything])
    listed = (event for event in events if isinstance(event, MailboxListed))
    return list(
        islice((name_of(each) for each in listed if not each.attributes & NOT_READABLE), MOST_FOLDERS)
    )
