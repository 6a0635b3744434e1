"""Claims: how each journal entry changes the claims by which copies of a mail are recognised (rule 2)."""

from __future__ import annotations

from shared.contract.journal import DeliveryEnded, Entry, ParkedRetried, Routed
from shared.custody.state import Claim, ClaimKey, Message
from shared.model.message import RecipientStatus

GIVEN_UP = frozenset({RecipientStatus.PARKED, RecipientStatus.DISCARDED})
CLAIMING = frozenset({RecipientStatus.OPEN, RecipientStatus.DELIVERED}) | GIVEN_UP


def claims_touched(message: Message, entry: Entry) -> list[tuple[ClaimKey, RecipientStatus]]:
    """Return the claims that `entry` may change, and each recipient's new status.

    `message` is the message after the entry.
    """
    return [
        (ClaimKey(message.tenant, address, message.identity), status)
        for address, status in _touched(entry)
        if status in CLAIMING
    ]


def claim_after(held: Claim | None, message: str, status: RecipientStatus) -> Claim | None:
    """Return the claim after the message's recipient reached `status`; None where no claim is left.

    A holder that fails gives its claim up. A message whose claim was taken over has none to give up.
    """
    if status in GIVEN_UP:
        return None if held == Claim(message, done=False) else held
    return Claim(message, done=status is RecipientStatus.DELIVERED)


def _as_holder(status: RecipientStatus) -> RecipientStatus:
    """A recipient that is routed but must wait for its next attempt holds the claim like any other."""
    return RecipientStatus.OPEN if status is RecipientStatus.DEFERRED else status


def _touched(entry: Entry) -> list[tuple[str, RecipientStatus]]:
    match entry:
        case Routed():
            return [(each.address, _as_holder(each.status)) for each in entry.recipients]
        case DeliveryEnded():
            return [(each.address, each.status) for each in entry.outcomes]
        case ParkedRetried(status=status) if status is not None:
            return [(entry.address, status)]
        case _:
            return []
