"""Look which mails of the selected folder are still there.

Neither the tagged OK to EXPUNGE nor EXPUNGE and VANISHED prove that a mail is gone (custody rule 5); a SEARCH
that was sent after the OK, and that names all mails it finds, does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple, Protocol

from shared.imap.commands import Command
from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Found
from shared.imap.mail_commands import search_deleted, search_uids
from shared.imap.message_limit import may_hide_mails
from shared.imap.refusals import is_partial, was_not_understood
from shared.imap.uid_set import UidSet

AT_ONCE = 500


class MakeSearch(Protocol):
    """Makes a SEARCH."""

    def __call__(self, *, extended: bool) -> Command:
        """Return the command; `extended` where ESEARCH is announced (RFC 4731)."""
        ...


class Presence(NamedTuple):
    """Of the mails that were looked for, those that the folder has, and those of which the server does not
    tell. The others are gone.
    """

    there: set[int]
    unknown: set[int]

    @property
    def not_proven_gone(self) -> set[int]:
        """Those that have to be taken for being there."""
        return self.there | self.unknown


async def look_for(conversation: Conversation, uids: Iterable[int]) -> Presence:
    """Look which of the UIDs the folder has."""
    presence = Presence(set(), set())
    for part in UidSet.of(uids).split(AT_ONCE):
        found = await _search(conversation, partial(search_uids, part))
        if found is None:
            presence.unknown.update(part)
        else:
            presence.there.update(found)
            if may_hide_mails(conversation):
                presence.unknown.update({*part} - {*found})
    return presence


async def marked_deleted(conversation: Conversation) -> UidSet | None:
    """Return the mails that anybody has marked as deleted; None where the server does not tell."""
    if may_hide_mails(conversation):
        return None
    return await _search(conversation, search_deleted)


async def _search(conversation: Conversation, made: MakeSearch) -> UidSet | None:
    """Return what a SEARCH finds; None where the absence of a mail would prove nothing."""
    await conversation.discard_answers()
    command = made(extended=conversation.can("ESEARCH"))
    events = await conversation.execute_all([command])
    reply = reply_to(command, events)
    if command.returns_tag and was_not_understood(reply):  # although it is announced
        conversation.do_without("ESEARCH")
        return await _search(conversation, made)
    answers = [event for event in events if isinstance(event, Found) and event.command is command]
    if not reply.ok or is_partial(reply) or not answers:
        return None
    if any(each.count != len(each.uids) for each in answers):
        return None
    return UidSet.of(uid for each in answers for uid in each.uids)
