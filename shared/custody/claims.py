"""What one entry of the journal makes of the claims by which copies of a mail are recognised (rule 2)."""

from __future__ import annotations

from shared.contract.journal import DeliveryEnded, Entry, ParkedRetried, Routed
from shared.custody.state import Claim, ClaimKey, Message
from shared.model.message import RecipientStatus

GIVEN_UP = frozenset({RecipientStatus.PARKED, RecipientStatus.DISCARDED})
CLAIMING = frozenset({RecipientStatus.OPEN, RecipientStatus.DELIVERED}) | GIVEN_UP


def claims_touched(message: Message, entry: Entry) -> list[tuple[ClaimKey, RecipientStatus]]:
    """The claims that `entry` may change, with what happened there; `message` is the one after the entry."""
    return [
        (ClaimKey(message.tenant, address, message.identity), status)
        for address, status in _touched(entry)
        if status in CLAIMING
    ]


def claim_after(held: Claim | None, message: str, status: RecipientStatus) -> Claim | None:
    """The claim `held` after the message's recipient came to `status`; None where there is none any more.

    A holder that fails gives its claim up; one that was overtaken has none to give up.
    """
    if status in GIVEN_UP:
        return None if held == Claim(message, done=False) else held
    return Claim(message, done=status is RecipientStatus.DELIVERED)


def _as_holder(status: RecipientStatus) -> RecipientStatus:
    """Who is routed and has to wait for his next attempt holds the claim as one who need not."""
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
