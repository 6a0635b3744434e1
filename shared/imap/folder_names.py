"""Ask for the names of all folders, to show them to an operator."""

from __future__ import annotations

from itertools import islice

from shared.imap import commands
from shared.imap.conversation import Conversation
from shared.imap.events import MailboxListed
from shared.model.mailbox import folder_name

NO_MAILS = frozenset({"\\noselect", "\\nonexistent"})
ALL = b"*"
MOST_FOLDERS = 1000
"""That are named to an operator; a server for public folders or news has any number."""


async def folder_names(conversation: Conversation) -> list[str]:
    """Return the names of folders that can hold mails, up to `MOST_FOLDERS`; none where the server does not
    list them. INBOX in any case is `INBOX`.
    """
    await conversation.discard_answers()
    everything = commands.list_mailboxes([ALL], with_status=False, special_use=False)
    events = await conversation.execute_all([everything])
    listed = (event for event in events if isinstance(event, MailboxListed))
    return list(
        islice((folder_name(each.name) for each in listed if not each.attributes & NO_MAILS), MOST_FOLDERS)
    )
