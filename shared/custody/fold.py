"""Folding the journal: what one entry makes of a message, and of the claims.

The fold trusts its input: an entry is only ever written after `decide` allowed it. It is used by the store to make the next
state, and by `mailferry journal verify` and `rebuild` to make all of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.contract.journal import (
    Deleting,
    DeliveryBegun,
    DeliveryEnded,
    Entry,
    Fetched,
    Gone,
    Lost,
    ParkedDiscarded,
    ParkedRetried,
    RecipientOutcome,
    RecipientRouted,
    Routed,
    WaitingResolved,
)
from shared.custody.state import Claim, ClaimKey, Message, Recipient
from shared.model.message import IN_FLIGHT, MessageStatus, RecipientStatus


class BrokenJournal(Exception):
    """An entry cannot follow what came before it."""


def fold(message: Message | None, entry: Entry) -> Message:
    """The message after `entry`. Raises `BrokenJournal` for an entry about a message that was never fetched."""
    if isinstance(entry, Fetched):
        return _fetched(message, entry)
    if message is None:
        raise BrokenJournal(f"{entry.wire_name} for message {entry.message}, which was never fetched")
    match entry:
        case Routed():
            return _settle(_routed(message, entry), entry.at)
        case DeliveryBegun():
            return _begun(message, entry)
        case DeliveryEnded():
            return _settle(_ended(message, entry), entry.at)
        case WaitingResolved():
            return _settle(_resolved(message, entry), entry.at)
        case Lost():
            return _lost(message)
        case Deleting():
            return replace(message, status=MessageStatus.DELETING)
        case Gone():
            return replace(message, status=MessageStatus.GONE)
        case ParkedRetried():
            return _retried(message, entry)
        case ParkedDiscarded():
            return _with(message, entry.address, status=RecipientStatus.DISCARDED)
        case _:
            raise BrokenJournal(f"unknown entry {entry.wire_name}")


def fold_all(entries: Iterable[Entry]) -> Message:
    """The message that these entries, all about it and in their order, tell of."""
    message: Message | None = None
    for entry in entries:
        message = fold(message, entry)
    if message is None:
        raise BrokenJournal("no entries")
    return message


def claims_after(message: Message, entry: Entry, held: Mapping[ClaimKey, Claim]) -> dict[ClaimKey, Claim | None]:
    """The claims that `entry` changes, given the message after it; None where a claim ends.

    `held` are the claims before. A holder that fails gives its claim up; one that was overtaken has none to give up.
    """
    changed: dict[ClaimKey, Claim | None] = {}
    for address, status in _touched(entry):
        key = ClaimKey(message.tenant, address, message.identity)
        if status is RecipientStatus.OPEN:
            changed[key] = Claim(message.id, done=False)
        elif status is RecipientStatus.DELIVERED:
            changed[key] = Claim(message.id, done=True)
        elif status is RecipientStatus.PARKED and (claim := held.get(key)) and claim.holder == message.id and not claim.done:
            changed[key] = None
    return changed


def _touched(entry: Entry) -> list[tuple[str, RecipientStatus]]:
    match entry:
        case Routed():
            return [(each.address, each.status) for each in entry.recipients]
        case DeliveryEnded():
            return [(each.address, each.status) for each in entry.outcomes]
        case _:
            return []


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
        )
    return replace(
        message,
        status=MessageStatus.FETCHED,
        fetch_no=entry.fetch_no,
        listed_size=entry.listed_size,
        octets=entry.octets,
        fetcher=entry.fetcher,
        lease_until=entry.lease_until,
        blob=entry.blob or message.blob,
    )


def _routed(message: Message, entry: Routed) -> Message:
    recipients = dict(message.recipients)
    for each in entry.recipients:
        recipients[each.address] = _routed_recipient(recipients.get(each.address), each, entry.target)
    return replace(
        message,
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


def _routed_recipient(known: Recipient | None, routed: RecipientRouted, target: str) -> Recipient:
    return Recipient(
        address=routed.address,
        destination=routed.destination,
        original=routed.original,
        reason=routed.reason,
        status=routed.status,
        target=target,
        attempt=known.attempt if known else 0,
        in_doubt=known.in_doubt if known else 0,
    )


def _begun(message: Message, entry: DeliveryBegun) -> Message:
    recipients = dict(message.recipients)
    for address in entry.addresses:
        known = recipients[address]
        recipients[address] = replace(
            known, status=RecipientStatus.ATTEMPTING, attempt=known.attempt + 1, next_attempt_at=None
        )
    return replace(message, recipients=recipients, lease_until=entry.lease_until)


def _ended(message: Message, entry: DeliveryEnded) -> Message:
    recipients = dict(message.recipients)
    for outcome in entry.outcomes:
        recipients[outcome.address] = _after(recipients[outcome.address], outcome)
    return replace(message, recipients=recipients, lease_until=entry.lease_until, blob=entry.blob or message.blob)


def _after(known: Recipient, outcome: RecipientOutcome) -> Recipient:
    return replace(
        known,
        status=outcome.status,
        destination=outcome.destination,
        next_attempt_at=outcome.next_attempt_at,
        code=outcome.code,
        text=outcome.text,
        in_doubt=known.in_doubt + outcome.in_doubt,
    )


def _resolved(message: Message, entry: WaitingResolved) -> Message:
    resolved = _with(message, entry.address, status=entry.status)
    busy = any(each.status is RecipientStatus.ATTEMPTING for each in resolved.recipients.values())
    if entry.status is RecipientStatus.OPEN and resolved.status in IN_FLIGHT and not busy:
        return _lost(resolved)
    return resolved


def _lost(message: Message) -> Message:
    recipients = {
        address: replace(each, status=RecipientStatus.OPEN, in_doubt=each.in_doubt + 1)
        if each.status is RecipientStatus.ATTEMPTING
        else each
        for address, each in message.recipients.items()
    }
    return replace(message, status=MessageStatus.LOST, recipients=recipients)


def _retried(message: Message, entry: ParkedRetried) -> Message:
    recipients = dict(message.recipients)
    recipients[entry.address] = replace(
        recipients[entry.address],
        status=RecipientStatus.OPEN,
        destination=entry.destination,
        target=entry.target,
        next_attempt_at=entry.at,
    )
    return replace(message, recipients=recipients)


def _with(message: Message, address: str, *, status: RecipientStatus) -> Message:
    recipients = dict(message.recipients)
    recipients[address] = replace(recipients[address], status=status)
    return replace(message, recipients=recipients)


def _settle(message: Message, at: float) -> Message:
    if message.status is MessageStatus.ROUTED and message.all_done:
        return replace(message, status=MessageStatus.SETTLED, settled_at=at)
    return message
