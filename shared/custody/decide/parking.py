"""Parked recipients: what an operator does with them, and what is parked because its blob is lost."""

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
from shared.custody.state import SETTLED_OR_LATER, ClaimKey, ClaimView, Message, Recipient
from shared.model.message import PENDING, UNROUTED, RecipientStatus


def lose_blob(message: Message | None, blob: str, reason: str, now: float) -> list[Entry]:
    """Record that the blob of a mail is lost.

    Where the source has the mail, it is fetched again. Where it has not, the recipients that are not done
    are parked, so that an operator sees them.
    """
    if message is None or message.blob != blob:
        return []
    entries: list[Entry] = [BlobLost(message=message.id, at=now, reason=reason)]
    if message.gone_at is None and message.status not in SETTLED_OR_LATER:
        return entries
    pending = [each for each in message.recipients.values() if each.status in PENDING]
    if message.status in UNROUTED:
        entries.append(_routed_to_park(message, pending, reason, now))
    elif pending:
        outcomes = tuple(_parked_for(each, reason) for each in pending)
        entries.append(
            DeliveryEnded(message=message.id, at=now, outcomes=outcomes, lease_until=message.lease_until)
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


def _routed_to_park(message: Message, pending: Sequence[Recipient], reason: str, now: float) -> Routed:
    chosen = [ChosenRecipient(each.address, each.original, reason) for each in pending]
    if not message.recipients:
        chosen = [ChosenRecipient(NOBODY, "", reason)]
    return Routed(
        message=message.id,
        at=now,
        fetch_no=message.fetch_no,
        identity=message.identity,
        message_id=message.message_id,
        reverse_path=message.reverse_path,
        target=message.target,
        evidence=message.evidence,
        rejected=(),
        recipients=tuple(
            routed_as(each, RecipientStatus.PARKED, message.recipients.get(each.address)) for each in chosen
        ),
        lease_until=message.lease_until,
    )


def retry_claims(
    message: Message, addresses: Sequence[str], destination: str | None, target: str | None
) -> list[ClaimKey]:
    """Return the claims on which retries at these recipients depend.

    None for a mail that the operator sends elsewhere: it is wanted there, whatever copies there are.
    """
    found = [(address, _retriable(message, address)) for address in addresses]
    return [
        ClaimKey(message.tenant, address, message.identity)
        for address, each in found
        if each is not None and not _goes_elsewhere(each, destination, target)
    ]


def retry_parked(
    message: Message,
    address: str,
    destination: str | None,
    target: str | None,
    now: float,
    view: ClaimView | None = None,
) -> ParkedRetried | None:
    """Retry a parked recipient, for an operator. `view` is of a claim that another mail holds.

    The recipient is suppressed if a copy arrived meanwhile. None, too, while a copy is on its way: the
    recipient stays parked, where the operator sees it.
    """
    recipient = _retriable(message, address)
    if recipient is None:
        return None
    status = None
    if not _goes_elsewhere(recipient, destination, target):
        if view is not None and not view.claim.done and view.is_alive(now):
            return None
        status = RecipientStatus.SUPPRESSED if view is not None and view.claim.done else RecipientStatus.OPEN
    return ParkedRetried(
        message=message.id,
        at=now,
        address=address,
        destination=destination or recipient.destination,
        target=target or recipient.target,
        status=status,
    )


def _retriable(message: Message, address: str) -> Recipient | None:
    recipient = message.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED or message.blob is None:
        return None
    return recipient


def _goes_elsewhere(recipient: Recipient, destination: str | None, target: str | None) -> bool:
    return (destination or recipient.destination, target or recipient.target) != (
        recipient.destination,
        recipient.target,
    )


def discard_parked(message: Message, address: str, now: float) -> ParkedDiscarded | None:
    """Give a parked recipient up, for an operator."""
    recipient = message.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED:
        return None
    return ParkedDiscarded(message=message.id, at=now, address=address)
