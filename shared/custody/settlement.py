"""What follows when the last recipient of a message is done: who is to be told, and which blob may go."""

from __future__ import annotations

from shared.custody.commands import Settled
from shared.custody.state import Message
from shared.model.message import TERMINAL, RecipientStatus


def settled_by(before: Message | None, after: Message) -> Settled | None:
    """The settlement that came about between two states of a message, if one did.

    It comes about again when what was parked is retried and done, since only then its blob may go.
    """
    if not after.is_concluded or (before is not None and before.is_concluded):
        return None
    return settlement(after)


def settlement(message: Message) -> Settled:
    """The news about a message of which every recipient is done."""
    return Settled(
        message=message.id,
        account=message.account,
        fetch_no=message.fetch_no,
        fetcher=message.fetcher,
        first_fetched_at=message.first_fetched_at,
        blob=None if _is_needed(message) else message.blob,
    )


def needs_raw_mail(message: Message) -> bool:
    """Whether the raw mail may still be needed; once it is not, it never will be."""
    return not message.is_concluded or _is_needed(message)


def _is_needed(message: Message) -> bool:
    """Whether an operator still has to decide about the blob (rule 3), or decided to have it served again."""
    return any(
        each.status is RecipientStatus.PARKED or each.status not in TERMINAL
        for each in message.recipients.values()
    )
