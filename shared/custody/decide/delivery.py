"""Attempts, their ends, and what these mean for identical mails that wait."""

from __future__ import annotations

from shared.contract.journal import (
    DeliveryBegun,
    DeliveryEnded,
    DeliveryProlonged,
    RecipientOutcome,
    WaitingResolved,
)
from shared.custody.commands import Attempt, Outcomes
from shared.custody.decide.raw_mail import require_raw_mail
from shared.custody.state import Message, Recipient
from shared.model.message import TERMINAL, UNROUTED, RecipientStatus

NEARLY = 0.9
"""A lease of which so much is left needs no extension: an attempt right after the mail was fetched, as nearly
all are, then leaves the message as it is.
"""

_ATTEMPTING = RecipientStatus.ATTEMPTING


def begun(known: Message | None, wish: Attempt, now: float, lease: float) -> DeliveryBegun | None:
    """An attempt may begin at those recipients who are due and whose attempt number is still the one the
    event knew.
    """
    if known is None:
        return None
    due = tuple(each.address for each in _still_wished(known, wish) if _is_due(each, now))
    if not due:
        return None
    fresh = known.lease_until >= now + NEARLY * lease
    lease_until = known.lease_until if fresh else now + lease
    return DeliveryBegun(message=known.id, at=now, addresses=due, worker=wish.worker, lease_until=lease_until)


def prolonged(known: Message | None, wish: Attempt, now: float, lease: float) -> DeliveryProlonged | None:
    """Attempts that are still being made keep their mail; `wish` tells of the numbers that they were begun
    with. None where they are no news, or not the latest of their mail any more.
    """
    if known is None or known.lease_until >= now + NEARLY * lease:
        return None
    still = tuple(each.address for each in _still_wished(known, wish) if each.status is _ATTEMPTING)
    if not still:
        return None
    return DeliveryProlonged(message=known.id, at=now, addresses=still, lease_until=now + lease)


def too_early(known: Message | None, wish: Attempt, now: float) -> tuple[Recipient, ...]:
    """The recipients to whom an attempt may begin as soon as it is due; each says when that is."""
    if known is None:
        return ()
    return tuple(
        each
        for each in _still_wished(known, wish)
        if each.status is RecipientStatus.DEFERRED and not _is_due(each, now)
    )


def _still_wished(known: Message, wish: Attempt) -> list[Recipient]:
    """The recipients of whom the event knows the latest; none where the mail is to be routed again."""
    if known.fetch_no != wish.fetch_no or known.status in UNROUTED:
        return []
    return [
        recipient
        for address, attempt in wish.recipients
        if (recipient := known.recipients.get(address)) and recipient.attempt == attempt
    ]


def _is_due(recipient: Recipient, now: float) -> bool:
    """Whether his time has come. An attempt at what an operator wanted retried has a time as well: after it
    nobody will see the attempt's end.
    """
    at = recipient.next_attempt_at
    match recipient.status:
        case RecipientStatus.OPEN:
            return True
        case RecipientStatus.DEFERRED:
            return at is None or at <= now
        case RecipientStatus.ATTEMPTING:
            return at is not None and at <= now
        case _:
            return False


def ended(known: Message | None, wish: Outcomes, now: float, lease: float) -> DeliveryEnded | None:
    """An attempt ended. A success is recorded whenever it comes; anything else only by the attempt's
    owner.
    """
    if known is None:
        return None
    outcomes = tuple(outcome for outcome, attempt in wish.outcomes if _is_news(known, outcome, attempt))
    if not outcomes:
        return None
    if any(each.status is RecipientStatus.PARKED for each in outcomes):
        require_raw_mail(known, wish.blob)
    next_attempts = [each.next_attempt_at for each in outcomes if each.next_attempt_at is not None]
    lease_until = max([known.lease_until, *(at + lease for at in next_attempts)])
    return DeliveryEnded(message=known.id, at=now, outcomes=outcomes, lease_until=lease_until, blob=wish.blob)


def _is_news(known: Message, outcome: RecipientOutcome, attempt: int) -> bool:
    recipient = known.recipients.get(outcome.address)
    if recipient is None or recipient.status in TERMINAL:
        return False
    if outcome.status is RecipientStatus.DELIVERED:
        return True
    return recipient.status is RecipientStatus.ATTEMPTING and recipient.attempt == attempt


def waiting_resolved(
    known: Message, address: str, holder: str, *, arrived: bool, now: float
) -> WaitingResolved | None:
    """The identical mail that this one waited for has arrived, or failed for good: then this one is
    needed.
    """
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.WAITING:
        return None
    status = RecipientStatus.SUPPRESSED if arrived else RecipientStatus.OPEN
    return WaitingResolved(message=known.id, at=now, address=address, holder=holder, status=status)
