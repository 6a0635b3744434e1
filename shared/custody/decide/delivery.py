"""When a delivery attempt may begin, how it ends, and what its end means for copies that wait (rule 2)."""

from __future__ import annotations

from shared.contract.journal import (
    DeliveryBegun,
    DeliveryEnded,
    DeliveryProlonged,
    RecipientOutcome,
    WaitingResolved,
)
from shared.custody.commands import Attempt, Outcomes
from shared.custody.decide.routing import require_raw_mail
from shared.custody.state import Message, Recipient
from shared.model.message import TERMINAL, UNROUTED, RecipientStatus

FRESH_PART = 0.9
"""A lease of which so much is left is not extended. Nearly all attempts begin right after the fetch; then the
message's row stays as it is.
"""

_ATTEMPTING = RecipientStatus.ATTEMPTING


def begin_attempt(
    message: Message | None, attempt: Attempt, now: float, lease: float
) -> DeliveryBegun | None:
    """Begin an attempt at the recipients that are due; None where there is none.

    A recipient counts only if its attempt number is still the one in the event.
    """
    if message is None:
        return None
    due = tuple(each.address for each in _current_recipients(message, attempt) if _is_due(each, now))
    if not due:
        return None
    is_fresh = message.lease_until >= now + FRESH_PART * lease
    lease_until = message.lease_until if is_fresh else now + lease
    return DeliveryBegun(
        message=message.id, at=now, addresses=due, worker=attempt.worker, lease_until=lease_until
    )


def extend_attempt(
    message: Message | None, attempt: Attempt, now: float, lease: float
) -> DeliveryProlonged | None:
    """Extend the lease of a mail while attempts at it are still being made.

    `attempt` has the numbers with which they began. None where the lease is fresh, or where these are not the
    latest attempts at the mail any more.
    """
    if message is None or message.lease_until >= now + FRESH_PART * lease:
        return None
    current = _current_recipients(message, attempt)
    attempting = tuple(each.address for each in current if each.status is _ATTEMPTING)
    if not attempting:
        return None
    return DeliveryProlonged(message=message.id, at=now, addresses=attempting, lease_until=now + lease)


def recipients_not_due(message: Message | None, attempt: Attempt, now: float) -> tuple[Recipient, ...]:
    """Return the deferred recipients whose time has not come. Each says when its next attempt is due."""
    if message is None:
        return ()
    return tuple(
        each
        for each in _current_recipients(message, attempt)
        if each.status is RecipientStatus.DEFERRED and not _is_due(each, now)
    )


def end_attempt(message: Message | None, ended: Outcomes, now: float, lease: float) -> DeliveryEnded | None:
    """Record the outcomes of an attempt; None where they are stale.

    A success counts whenever it comes. Any other outcome counts only from the latest attempt.
    """
    if message is None:
        return None
    outcomes = tuple(outcome for outcome, attempt in ended.outcomes if _is_news(message, outcome, attempt))
    if not outcomes:
        return None
    if any(each.status is RecipientStatus.PARKED for each in outcomes):
        require_raw_mail(message, ended.blob)
    next_attempts = [each.next_attempt_at for each in outcomes if each.next_attempt_at is not None]
    lease_until = max([message.lease_until, *(at + lease for at in next_attempts)])
    return DeliveryEnded(
        message=message.id, at=now, outcomes=outcomes, lease_until=lease_until, blob=ended.blob
    )


def resolve_waiting(
    message: Message, address: str, holder: str, *, arrived: bool, now: float
) -> WaitingResolved | None:
    """End the wait for `holder`, a copy of this mail.

    If the copy arrived, the recipient is suppressed. If it failed for good, this mail is delivered.
    """
    recipient = message.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.WAITING:
        return None
    status = RecipientStatus.SUPPRESSED if arrived else RecipientStatus.OPEN
    return WaitingResolved(message=message.id, at=now, address=address, holder=holder, status=status)


def _current_recipients(message: Message, attempt: Attempt) -> list[Recipient]:
    """Return the recipients whose attempt number in the event is the latest; none if the mail is unrouted."""
    if message.fetch_no != attempt.fetch_no or message.status in UNROUTED:
        return []
    return [
        recipient
        for address, number in attempt.recipients
        if (recipient := message.recipients.get(address)) and recipient.attempt == number
    ]


def _is_due(recipient: Recipient, now: float) -> bool:
    """Return whether the recipient's time has come.

    An attempt that an operator asked for has a time, too: after it, nobody will see the attempt's end, and
    another one may begin.
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


def _is_news(message: Message, outcome: RecipientOutcome, attempt: int) -> bool:
    recipient = message.recipients.get(outcome.address)
    if recipient is None or recipient.status in TERMINAL:
        return False
    if outcome.status is RecipientStatus.DELIVERED:
        return True
    return recipient.status is RecipientStatus.ATTEMPTING and recipient.attempt == attempt
