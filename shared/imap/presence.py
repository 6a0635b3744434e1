"""Look which mails of the selected folder are still there.

Neither the tagged OK to EXPUNGE nor EXPUNGE and VANISHED prove that a mail is gone (custody rule 5); a SEARCH
that was sent after the OK, and that names all mails it finds, does.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.imap.commands import Command
from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Found
from shared.imap.mail_commands import search_deleted, search_uids
from shared.imap.refusals import is_partial
from shared.imap.uid_set import UidSet

AT_ONCE = 500


async def not_proven_gone(conversation: Conversation, uids: Iterable[int]) -> set[int]:
    """Return those of the UIDs that the folder still has, or of which the server does not tell."""
    left: set[int] = set()
    for part in UidSet.of(uids).split(AT_ONCE):
        found = await _search(conversation, search_uids(part, extended=conversation.can("ESEARCH")))
        left.update(part if found is None else found)
    return left


async def marked_deleted(conversation: Conversation) -> UidSet | None:
    """Return the mails that anybody has marked as deleted; None where the server does not tell."""
    return await _search(conversation, search_deleted(extended=conversation.can("ESEARCH")))


async def _search(conversation: Conversation, command: Command) -> UidSet | None:
    """Return what a SEARCH finds; None where the absence of a mail would prove nothing."""
    await conversation.discard_answers()
    events = await conversation.execute_all([command])
    reply = reply_to(command, events)
    answers = [event for event in events if isinstance(event, Found) and event.command is command]
    if not reply.ok or is_partial(reply) or not answers:
        return None
    if any(each.count != len(each.uids) for each in answers):
        return None
    return UidSet.of(uid for each in answers for uid in each.uids)
