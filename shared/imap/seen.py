"""Mark mails of the selected folder as read."""

from __future__ import annotations

from collections.abc import Iterable

from shared.imap.conversation import Conversation
from shared.imap.deletion import AT_ONCE
from shared.imap.mail_commands import store_seen
from shared.imap.refusals import refused_command, says_gone
from shared.imap.uid_set import UidSet
from shared.model.errors import quoted


async def mark_seen(conversation: Conversation, folder: str, uids: Iterable[int]) -> str | None:
    """Set `\\Seen`; return a sentence for the operator where the server refuses that."""
    await conversation.discard_answers()
    for part in UidSet.of(uids).split(AT_ONCE):
        reply = await conversation.execute(store_seen(part))
        if not reply.ok and not says_gone(reply):
            action = f"Marking mails as read in {quoted(folder)} on {conversation.server}"
            return str(refused_command(action, reply))
    return None
