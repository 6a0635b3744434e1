"""When the last recipient of a message is done: its fetcher is notified, and its blob may go."""

from __future__ import annotations

from shared.custody.commands import Settled
from shared.custody.state import Message
from shared.model.message import TERMINAL, RecipientStatus


def settlement_between(before: Message | None, after: Message) -> Settled | None:
    """Return the settlement that happened between two states of a message, if one did.

    It happens again when a parked recipient is retried and done, since only then the blob may go.
    """
    if not after.is_finished or (before is not None and before.is_finished):
        return None
    return settlement(after)


def settlement(message: Message) -> Settled:
    """Return the notification about a message whose recipients are all done."""
    return Settled(
        message=message.id,
        account=message.account,
        fetch_no=message.fetch_no,
        fetcher=message.fetcher,
        first_fetched_at=message.first_fetched_at,
        blob=None if _is_needed(message) else message.blob,
    )


def needs_raw_mail(message: Message) -> bool:
    """Return whether the raw mail may still be needed. Once it is not, it never will be."""
    return not message.is_finished or _is_needed(message)


def _is_needed(message: Message) -> bool:
    """Return whether a recipient is parked (rule 3), or is delivered again because an operator asked."""
    return any(
        each.status is RecipientStatus.PARKED or each.status not in TERMINAL
        for each in message.recipients.values()
    )
