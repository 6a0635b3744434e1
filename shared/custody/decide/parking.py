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
from shared.custody.state import CONCLUDED, Message, Recipient
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


def retried(
    known: Message, address: str, destination: str | None, target: str | None, now: float
) -> ParkedRetried | None:
    """An operator wants another attempt at a parked recipient."""
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED or known.blob is None:
        return None
    return ParkedRetried(
        message=known.id,
        at=now,
        address=address,
        destination=destination or recipient.destination,
        target=target or recipient.target,
    )


def discarded(known: Message, address: str, now: float) -> ParkedDiscarded | None:
    """An operator gives a parked recipient up."""
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED:
        return None
    return ParkedDiscarded(message=known.id, at=now, address=address)
