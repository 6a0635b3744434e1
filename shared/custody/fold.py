"""Folding the journal: what one entry makes of a message.

The fold trusts its input: an entry is written only after `decide` allowed it. The store uses the fold to
make the next state; `mailferry journal verify` and `rebuild` use it to make the whole state again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.contract.journal import (
    BlobLost,
    Deleting,
    DeliveryBegun,
    DeliveryEnded,
    DeliveryProlonged,
    Entry,
    Fetched,
    Gone,
    Lost,
    ParkedDiscarded,
    ParkedRetried,
    RecipientOutcome,
    RecipientRouted,
    Renamed,
    Republished,
    Routed,
    WaitingResolved,
)
from shared.custody.state import SETTLED_OR_LATER, Message, Recipient
from shared.model.message import MessageStatus, RecipientStatus


class BrokenJournal(Exception):
    """An entry cannot follow the entries before it."""


def fold(message: Message | None, entry: Entry) -> Message:
    """Return the message after `entry`. Raises `BrokenJournal` where the message was never fetched."""
    if isinstance(entry, Fetched):
        return _fetched(message, entry)
    if message is None:
        raise BrokenJournal(f"{entry.wire_name} for message {entry.message}, which was never fetched")
    step = _STEPS.get(type(entry))
    if step is None:
        raise BrokenJournal(f"unknown entry {entry.wire_name}")
    return step(message, entry)


def _fetched(message: Message | None, entry: Fetched) -> Message:
    if message is None:
        return Message(
            id=entry.message,
            tenant=entry.tenant,
            account=entry.account,
            key=entry.key,
            status=MessageStatus.FETCHED,
            fetch_no=entry.fetch_no,
            listed_size=entry.listed_size,
            octets=entry.octets,
            fetcher=entry.fetcher,
            first_fetched_at=entry.at,
            lease_until=entry.lease_until,
            blob=entry.blob,
            unbacked=entry.spooled,
            header=entry.header,
            content=entry.content,
            object_id=entry.object_id,
        )
    return message._replace(
        status=MessageStatus.FETCHED,
        fetch_no=entry.fetch_no,
        listed_size=entry.listed_size,
        octets=entry.octets,
        fetcher=entry.fetcher,
        lease_until=entry.lease_until,
        blob=entry.blob or message.blob,
        unbacked=entry.spooled,
        header=entry.header,
        content=entry.content,
        object_id=entry.object_id or message.object_id,
    )


def _republished(message: Message, entry: Republished) -> Message:
    return message._replace(
        status=MessageStatus.FETCHED,
        fetch_no=entry.fetch_no,
        fetcher=entry.fetcher,
        lease_until=entry.lease_until,
    )


def _renamed(message: Message, entry: Renamed) -> Message:
    return message._replace(key=entry.key, listed_size=entry.listed_size)


def _routed(message: Message, entry: Routed) -> Message:
    recipients = dict(message.recipients)
    for each in entry.recipients:
        recipients[each.address] = _routed_recipient(recipients.get(each.address), each, entry)
    routed = message._replace(
        status=MessageStatus.ROUTED,
        identity=entry.identity,
        message_id=entry.message_id,
        reverse_path=entry.reverse_path,
        target=entry.target,
        evidence=entry.evidence,
        lease_until=entry.lease_until,
        blob=entry.blob or message.blob,
        recipients=recipients,
    )
    return _settle(routed, entry.at)


def _routed_recipient(known: Recipient | None, routed: RecipientRouted, entry: Routed) -> Recipient:
    recipient = Recipient(
        address=routed.address,
        destination=routed.destination,
        original=routed.original,
        reason=routed.reason,
        status=routed.status,
        target=entry.target,
        attempt=known.attempt if known else 0,
        in_doubt=known.in_doubt if known else 0,
        parked_at=_parked_at(routed.status, entry),
    )
    if known is None or routed.status is not RecipientStatus.DEFERRED:
        return recipient
    return recipient._replace(next_attempt_at=known.next_attempt_at, code=known.code, text=known.text)


def _begun(message: Message, entry: DeliveryBegun) -> Message:
    """Begin attempts.

    A finished mail is not fetched again, since its copy at the source may be gone. So if nobody sees the end
    of this attempt, the next one is due when the lease ends.
    """
    recipients = dict(message.recipients)
    again_at = entry.lease_until if message.status in SETTLED_OR_LATER else None
    for address in entry.addresses:
        known = recipients[address]
        recipients[address] = known._replace(
            status=RecipientStatus.ATTEMPTING,
            attempt=known.attempt + 1,
            next_attempt_at=again_at,
            in_doubt=known.in_doubt + (known.status is RecipientStatus.ATTEMPTING),
        )
    return message._replace(recipients=recipients, lease_until=entry.lease_until)


def _prolonged(message: Message, entry: DeliveryProlonged) -> Message:
    """Extend the lease. The next attempt at a finished mail is not due before the lease ends."""
    if message.status not in SETTLED_OR_LATER:
        return message._replace(lease_until=entry.lease_until)
    recipients = dict(message.recipients)
    for address in entry.addresses:
        recipients[address] = recipients[address]._replace(next_attempt_at=entry.lease_until)
    return message._replace(recipients=recipients, lease_until=entry.lease_until)


def _ended(message: Message, entry: DeliveryEnded) -> Message:
    recipients = dict(message.recipients)
    for outcome in entry.outcomes:
        recipients[outcome.address] = _after(recipients[outcome.address], outcome, entry)
    ended = message._replace(
        recipients=recipients, lease_until=entry.lease_until, blob=entry.blob or message.blob
    )
    return _settle(ended, entry.at)


def _after(known: Recipient, outcome: RecipientOutcome, entry: DeliveryEnded) -> Recipient:
    return known._replace(
        status=outcome.status,
        destination=outcome.destination,
        next_attempt_at=outcome.next_attempt_at,
        code=outcome.code,
        text=outcome.text,
        in_doubt=known.in_doubt + outcome.in_doubt,
        parked_at=_parked_at(outcome.status, entry),
    )


def _parked_at(status: RecipientStatus, entry: Entry) -> float | None:
    return entry.at if status is RecipientStatus.PARKED else None


def _resolved(message: Message, entry: WaitingResolved) -> Message:
    """End a wait. A recipient that must be served now needs the raw mail again, so the mail counts as lost.

    It does not while an attempt is being made: its event is still on the way to us.
    """
    resolved = _with(message, entry.address, status=entry.status)
    busy = any(each.status is RecipientStatus.ATTEMPTING for each in resolved.recipients.values())
    if entry.status is RecipientStatus.OPEN and resolved.status is MessageStatus.ROUTED and not busy:
        return _all_lost(resolved)
    return _settle(resolved, entry.at)


def _lost(message: Message, _entry: Lost) -> Message:
    return _all_lost(message)


def _all_lost(message: Message) -> Message:
    recipients = {
        address: each._replace(status=RecipientStatus.OPEN, in_doubt=each.in_doubt + 1)
        if each.status is RecipientStatus.ATTEMPTING
        else each
        for address, each in message.recipients.items()
    }
    return message._replace(status=MessageStatus.LOST, recipients=recipients)


def _retried(message: Message, entry: ParkedRetried) -> Message:
    status = entry.status or RecipientStatus.OPEN
    recipients = dict(message.recipients)
    recipients[entry.address] = recipients[entry.address]._replace(
        status=status,
        destination=entry.destination,
        target=entry.target,
        next_attempt_at=entry.at if status is RecipientStatus.OPEN else None,
        parked_at=None,
    )
    return message._replace(recipients=recipients)


def _deleting(message: Message, _entry: Deleting) -> Message:
    return message._replace(status=MessageStatus.DELETING)


def _gone(message: Message, entry: Gone) -> Message:
    if entry.early:
        return message._replace(gone_at=entry.at, unbacked=True)
    return message._replace(status=MessageStatus.GONE, gone_at=entry.at)


def _blob_lost(message: Message, _entry: BlobLost) -> Message:
    without = message._replace(blob=None)
    if message.gone_at is not None or message.status in SETTLED_OR_LATER:
        return without
    return _all_lost(without)._replace(unbacked=False)


def _discarded(message: Message, entry: ParkedDiscarded) -> Message:
    recipients = dict(message.recipients)
    recipients[entry.address] = recipients[entry.address]._replace(
        status=RecipientStatus.DISCARDED, parked_at=None
    )
    return message._replace(recipients=recipients)


def _with(message: Message, address: str, *, status: RecipientStatus) -> Message:
    recipients = dict(message.recipients)
    recipients[address] = recipients[address]._replace(status=status)
    return message._replace(recipients=recipients)


def _settle(message: Message, at: float) -> Message:
    """Settle the message if every recipient is done. A mail that its source lost is gone at once."""
    if message.status is MessageStatus.ROUTED and message.all_done:
        status = MessageStatus.SETTLED if message.gone_at is None else MessageStatus.GONE
        return message._replace(status=status, settled_at=at, unbacked=False)
    return message


_STEPS: Mapping[type[Entry], Callable[[Message, Any], Message]] = {
    Republished: _republished,
    Renamed: _renamed,
    Routed: _routed,
    DeliveryBegun: _begun,
    DeliveryProlonged: _prolonged,
    DeliveryEnded: _ended,
    WaitingResolved: _resolved,
    Lost: _lost,
    BlobLost: _blob_lost,
    Deleting: _deleting,
    Gone: _gone,
    ParkedRetried: _retried,
    ParkedDiscarded: _discarded,
}
