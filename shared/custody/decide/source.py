"""What happens at the source: a mail is read, lost, known by another name, deleted, gone."""

from __future__ import annotations

from math import inf

from shared.contract.journal import Deleting, Entry, Fetched, Gone, Lost, Renamed, Republished
from shared.custody.commands import FetchedMail, NewPlace
from shared.custody.state import Message
from shared.model.message import IN_FLIGHT, TERMINAL, MessageStatus, RecipientStatus


def fetched(known: Message | None, mail: FetchedMail, account: str, now: float, lease: float) -> list[Entry]:
    """A mail was read: for the first time, or again because its event never came back."""
    if (known.fetch_no if known else 0) != mail.known_fetch_no:
        return []
    entries: list[Entry] = []
    if known is not None:
        if known.gone_at is not None or known.status not in IN_FLIGHT | {MessageStatus.LOST}:
            return []
        entries += lost(known, "fetched again", now)
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
        )
    )
    return entries


def republished(
    known: Message, fetcher: str, now: float, lease: float, longest: float = inf
) -> list[Entry] | None:
    """A mail that only its blob can serve sets out again once its event is lost (rule 6); None where it may
    still be on its way.

    `longest` is how far ahead a lease can honestly end: one beyond that was set by a clock that was wrong.
    """
    if (
        known.blob is None
        or not known.unbacked
        or is_on_its_way(known.status, known.lease_until, now, longest)
    ):
        return None
    again = Republished(
        message=known.id, at=now, fetch_no=known.fetch_no + 1, fetcher=fetcher, lease_until=now + lease
    )
    return [*lost(known, "its lease ran out", now), again]


def is_on_its_way(status: MessageStatus, lease_until: float, now: float, longest: float = inf) -> bool:
    """Whether a mail's event may still come back; `longest` as for `republished`."""
    return status in IN_FLIGHT and now < lease_until <= now + longest


def renamed(known: Message | None, place: NewPlace, now: float) -> Renamed | None:
    """A mail that no listing showed under its key any more is there under another one."""
    if known is None or known.gone_at is not None or known.key == place.key:
        return None
    return Renamed(message=known.id, at=now, key=place.key, listed_size=place.listed_size)


def lost(known: Message, reason: str, now: float) -> list[Entry]:
    """The mail's event will not come back."""
    if known.status not in IN_FLIGHT:
        return []
    return [Lost(message=known.id, at=now, reason=reason)]


def can_come_again(known: Message) -> bool:
    """Whether a mail whose event is given up is still somewhere else: at its source, or in a blob."""
    return known.gone_at is None or known.blob is not None


def deleting(known: Message | None, now: float) -> list[Entry] | None:
    """The deletion at the source may go ahead (rule 1); None where it may not. A second time is no news."""
    if known is None:
        return None
    if known.status is MessageStatus.DELETING:
        return []
    return [Deleting(message=known.id, at=now)] if known.status is MessageStatus.SETTLED else None


def gone(known: Message | None, reason: str, now: float) -> Gone | None:
    """A listing lacks the mail, or shows another one under its key (rules 5 and 7)."""
    if known is None or known.gone_at is not None or known.status is MessageStatus.GONE:
        return None
    early = known.status in IN_FLIGHT or known.status is MessageStatus.LOST
    return Gone(message=known.id, at=now, reason=reason, early=early)


def is_forgettable(known: Message, gone_before: float) -> bool:
    """Whether nothing is left to be done for a mail that its source has not had since before this time."""
    return (
        known.status is MessageStatus.GONE
        and known.gone_at is not None
        and known.gone_at < gone_before
        and all(
            each.status in TERMINAL and each.status is not RecipientStatus.PARKED
            for each in known.recipients.values()
        )
    )
