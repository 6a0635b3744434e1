"""What is parked: because its blob is no more, and what an operator has done with it."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contract.journal import (
    BlobLost,
    DeliveryEnded,
    Entry,
    ParkedDiscarded,
    ParkedRetried,
    RecipientOutcome,
    Routed,
)
from shared.custody.commands import ChosenRecipient
from shared.custody.decide.routing import NOBODY, routed_as
from shared.custody.state import CONCLUDED, ClaimKey, ClaimView, Message, Recipient
from shared.model.message import PENDING, UNROUTED, RecipientStatus


def blob_lost(known: Message | None, blob: str, reason: str, now: float) -> list[Entry]:
    """The blob that held the mail is no more. Where the source cannot give the mail again, those who are not
    served are parked, so that somebody is told.
    """
    if known is None or known.blob != blob:
        return []
    entries: list[Entry] = [BlobLost(message=known.id, at=now, reason=reason)]
    if known.gone_at is None and known.status not in CONCLUDED:
        return entries
    pending = [each for each in known.recipients.values() if each.status in PENDING]
    if known.status in UNROUTED:
        entries.append(_routed_to_park(known, pending, reason, now))
    elif pending:
        outcomes = tuple(_parked_for(each, reason) for each in pending)
        entries.append(
            DeliveryEnded(message=known.id, at=now, outcomes=outcomes, lease_until=known.lease_until)
        )
    return entries


def _parked_for(recipient: Recipient, reason: str) -> RecipientOutcome:
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.PARKED,
        code="",
        text=reason,
        destination=recipient.destination,
    )


def _routed_to_park(known: Message, pending: Sequence[Recipient], reason: str, now: float) -> Routed:
    chosen = [ChosenRecipient(each.address, each.original, reason) for each in pending]
    if not known.recipients:
        chosen = [ChosenRecipient(NOBODY, "", reason)]
    return Routed(
        message=known.id,
        at=now,
        fetch_no=known.fetch_no,
        identity=known.identity,
        message_id=known.message_id,
        reverse_path=known.reverse_path,
        target=known.target,
        evidence=known.evidence,
        rejected=(),
        recipients=tuple(
            routed_as(each, RecipientStatus.PARKED, known.recipients.get(each.address)) for each in chosen
        ),
        lease_until=known.lease_until,
    )


def retry_claims(
    known: Message, addresses: Sequence[str], destination: str | None, target: str | None
) -> list[ClaimKey]:
    """The claims on which retries at these recipients depend: where an operator sends a mail elsewhere, he
    wants it there, whatever copies there are.
    """
    found = [(address, _retriable(known, address)) for address in addresses]
    return [
        ClaimKey(known.tenant, address, known.identity)
        for address, each in found
        if each is not None and not _goes_elsewhere(each, destination, target)
    ]


def retried(
    known: Message,
    address: str,
    destination: str | None,
    target: str | None,
    now: float,
    view: ClaimView | None = None,
) -> ParkedRetried | None:
    """An operator wants another attempt at a parked recipient; `view` is of a claim that another mail holds.

    A recipient who got an identical mail meanwhile is suppressed. None, too, while one is on its way to him:
    he stays parked, where the operator sees him.
    """
    recipient = _retriable(known, address)
    if recipient is None:
        return None
    status = None
    if not _goes_elsewhere(recipient, destination, target):
        if view is not None and not view.claim.done and view.is_alive(now):
            return None
        status = RecipientStatus.SUPPRESSED if view is not None and view.claim.done else RecipientStatus.OPEN
    return ParkedRetried(
        message=known.id,
        at=now,
        address=address,
        destination=destination or recipient.destination,
        target=target or recipient.target,
        status=status,
    )


def _retriable(known: Message, address: str) -> Recipient | None:
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED or known.blob is None:
        return None
    return recipient


def _goes_elsewhere(recipient: Recipient, destination: str | None, target: str | None) -> bool:
    return (destination or recipient.destination, target or recipient.target) != (
        recipient.destination,
        recipient.target,
    )


def discarded(known: Message, address: str, now: float) -> ParkedDiscarded | None:
    """An operator gives a parked recipient up."""
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED:
        return None
    return ParkedDiscarded(message=known.id, at=now, address=address)
