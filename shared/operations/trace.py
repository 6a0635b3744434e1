"""The history of mails, and the mails that were lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.mailbox import written_uids
from shared.model.message import TERMINAL
from shared.model.read_failure import ReadFailure
from shared.operations.context import OperatorContext

MAX_LOST = 1000
SHORTEST_BEGINNING = 4
"""Characters of an id. Ids begin with the time, so a shorter beginning stands for days of mail."""


@dataclass(frozen=True, slots=True)
class TracedMail:
    """A mail, and its journal in order."""

    message: Message
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class UnreadMail:
    """A mail that is still in the mailbox of `account`, as it is too large or could not be read."""

    account: str
    failure: ReadFailure


@dataclass(frozen=True, slots=True)
class SkippedMail:
    """A mail of so many `octets` that was in the mailbox of `account` when the account began, `since` then
    (seconds since the epoch); `began` is the `begin` of that time. Its date may not be `decided` on yet.
    """

    account: str
    uid: str
    octets: int
    since: float
    began: str
    decided: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """The mails that match, newest first; `has_more`: more match than were asked for. `skipped` mails were in
    their mailbox before the account began.
    """

    mails: Sequence[TracedMail]
    unread: Sequence[UnreadMail]
    skipped: Sequence[SkippedMail]
    has_more: bool


@dataclass(frozen=True, slots=True)
class LostMail:
    """A mail that left its source before it was delivered, and of which no copy is held.

    `undelivered` are the recipients who did not get it; none where they were not known yet. `gone_at` is in
    seconds since the epoch.
    """

    message: Message
    gone_at: float | None
    undelivered: Sequence[str]


async def trace(context: OperatorContext, text: str, limit: int) -> Trace:
    """Return up to `limit` mails that match an id or its beginning, a Message-ID, a UID or a recipient's
    address."""
    found = await context.store.find_messages(text, limit + 1)
    if not found and len(text) >= SHORTEST_BEGINNING:
        for each in await context.store.message_ids(text.strip(), limit + 1):
            found = [*await context.store.find_messages(each, 1), *found]
    mails = [
        TracedMail(message, await context.store.message_journal(message.id)) for message in found[:limit]
    ]
    names = written_uids(text.strip())
    states = await context.store.account_states(unread=True)
    unread = [
        UnreadMail(state.account, failure)
        for state in states
        for failure in state.read_failures
        if failure.name in names
    ]
    skipped = [
        SkippedMail(each.account, mail.key.uid, mail.listed_size, mail.at, each.began, mail.decided)
        for each in await context.store.find_skipped(written_uids(text.strip()), limit + 1)
        for mail in [each.mail]
    ]
    more = len(found) > limit or len(skipped) > limit
    return Trace(mails, unread, skipped[:limit], has_more=more)


async def lost_mails(context: OperatorContext) -> Sequence[LostMail]:
    """Return the mails that somebody else took out of the mailbox before they were delivered."""
    return [_lost(message) for message in await context.store.left_behind(MAX_LOST)]


def _lost(message: Message) -> LostMail:
    undelivered = [each.address for each in message.recipients.values() if each.status not in TERMINAL]
    return LostMail(message, message.gone_at, undelivered)
