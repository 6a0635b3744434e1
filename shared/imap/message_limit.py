"""Servers that answer a command for so many mails only (MESSAGELIMIT; RFC 9738).

Such a server says OK, how many mails it looked at, and the UID of the last one. It may also hide the older
mails of a large folder from clients that have not switched UIDONLY on (RFC 9586).
"""

from __future__ import annotations

import re
from itertools import islice

from shared.imap.conversation import Conversation
from shared.imap.events import Reply
from shared.imap.uid_set import LARGEST_UID, UidSet

MESSAGE_LIMIT = "MESSAGELIMIT"
_ARGUMENT = re.compile(rb"([0-9]{1,10}) +([0-9]{1,10})")
PIPELINED = 2
"""So many commands may be answered at a time, and their mails come mixed."""


def message_limit(conversation: Conversation) -> int | None:
    """Return how many mails a command may be about; None where the server does not limit that."""
    value = conversation.capabilities and conversation.capabilities.value_of(MESSAGE_LIMIT)
    return int(value) if value and value.isdecimal() and int(value) else None


def may_hide_mails(conversation: Conversation) -> bool:
    """Return whether a mail that the server does not show may be there all the same."""
    return message_limit(conversation) is not None and not conversation.has_enabled("UIDONLY")


def unprocessed(reply: Reply, shown: dict[int, int]) -> UidSet | None:
    """Return the part of a command's range of UIDs that the server has not looked at; `shown` are all UIDs
    that it showed so far, in their order.

    None where it looked at all of them, or does not say at which.
    """
    uids = reply.command.uids
    argument = _ARGUMENT.fullmatch(reply.argument)
    if not reply.ok or reply.code != MESSAGE_LIMIT or argument is None or uids is None:
        return None
    limit, last = int(argument[1]), int(argument[2])
    ((first, end),) = uids.ranges
    within = [uid for uid in islice(reversed(shown), PIPELINED * limit) if first <= uid <= end]
    if not within or not first <= last <= end:
        return None
    if min(within) >= last and max(within) > last:  # from the newest down, as RFC 9738 has it
        return UidSet.span(first, last - 1) if last > first else UidSet()
    if max(within) <= last and min(within) < last:
        return UidSet.span(last + 1, end if end <= LARGEST_UID else None) if last < end else UidSet()
    return None
