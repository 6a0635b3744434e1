"""What happens to a mail at its source: it is read, lost, found under another key, deleted, or gone."""

from __future__ import annotations

from math import inf

from shared.contract.journal import Deleting, Entry, Fetched, Gone, Lost, Renamed, Republished
from shared.custody.commands import FetchedMail, NewPlace
from shared.custody.state import Message
from shared.model.message import IN_FLIGHT, TERMINAL, MessageStatus, RecipientStatus


def record_fetch(
    message: Message | None, mail: FetchedMail, account: str, now: float, lease: float
) -> list[Entry]:
    """Record that a mail was read: for the first time, or again because its event never came back."""
    if (message.fetch_no if message else 0) != mail.known_fetch_no:
        return []
    entries: list[Entry] = []
    if message is not None:
        if message.gone_at is not None or message.status not in IN_FLIGHT | {MessageStatus.LOST}:
            return []
        entries += mark_lost(message, "fetched again", now)
    entries.append(
        Fetched(
            message=mail.message,
            at=now,
            tenant=mail.tenant,
            account=account,
            key=mail.key,
            fetch_no=mail.known_fetch_no + 1,
            listed_size=mail.listed_size,
            octets=mail.octets,
            fetcher=mail.fetcher,
            lease_until=now + lease,
            blob=mail.blob,
            header=mail.header,
            content=mail.content,
            spooled=mail.spooled,
            object_id=mail.object_id,
        )
    )
    return entries


def republish(
    message: Message, fetcher: str, now: float, lease: float, longest: float = inf
) -> list[Entry] | None:
    """Publish a mail again from its blob once its event is lost (rule 6); None while it may come back.

    `longest`: how many seconds ahead a lease can end. A lease beyond that was set by a wrong clock.
    """
    if (
        message.blob is None
        or not message.unbacked
        or is_on_its_way(message.status, message.lease_until, now, longest)
    ):
        return None
    again = Republished(
        message=message.id, at=now, fetch_no=message.fetch_no + 1, fetcher=fetcher, lease_until=now + lease
    )
    return [*mark_lost(message, "its lease ran out", now), again]


def is_on_its_way(status: MessageStatus, lease_until: float, now: float, longest: float = inf) -> bool:
    """Return whether a mail's event may still come back. `longest` as for `republish`."""
    return status in IN_FLIGHT and now < lease_until <= now + longest


def rename(message: Message | None, place: NewPlace, now: float) -> Renamed | None:
    """Record that a mail missing under its key was found under another one."""
    if message is None or message.gone_at is not None or message.key == place.key:
        return None
    return Renamed(message=message.id, at=now, key=place.key, listed_size=place.listed_size)


def mark_lost(message: Message, reason: str, now: float) -> list[Entry]:
    """Record that the mail's event will not come back."""
    if message.status not in IN_FLIGHT:
        return []
    return [Lost(message=message.id, at=now, reason=reason)]


def can_come_again(message: Message) -> bool:
    """Return whether a mail whose event is given up exists elsewhere: at its source or in a blob."""
    return message.gone_at is None or message.blob is not None


def allow_deletion(message: Message | None, now: float) -> list[Entry] | None:
    """Allow the deletion at the source (rule 1); None where that is wrong, [] if it was allowed before."""
    if message is None:
        return None
    if message.status is MessageStatus.DELETING:
        return []
    return [Deleting(message=message.id, at=now)] if message.status is MessageStatus.SETTLED else None


def mark_gone(message: Message | None, reason: str, now: float) -> Gone | None:
    """Record that a listing lacks the mail, or shows another mail under its key (rules 5 and 7)."""
    if message is None or message.gone_at is not None or message.status is MessageStatus.GONE:
        return None
    early = message.status in IN_FLIGHT or message.status is MessageStatus.LOST
    return Gone(message=message.id, at=now, reason=reason, early=early)


def leave_at_source(message: Message | None, reason: str, now: float) -> Gone | None:
    """Record that a mail is left where it is, and nobody looks there any more.

    It must not be on its way, nor held here alone: so what is not delivered of it is at its source.
    """
    if message is None or message.gone_at is not None or message.unbacked:
        return None
    return Gone(message=message.id, at=now, reason=reason, early=False)


def is_forgettable(message: Message, gone_before: float) -> bool:
    """Return whether nothing is left to be done for a mail that was gone before this time."""
    return (
        message.status is MessageStatus.GONE
        and message.gone_at is not None
        and message.gone_at < gone_before
        and all(
            each.status in TERMINAL and each.status is not RecipientStatus.PARKED
            for each in message.recipients.values()
        )
    )
