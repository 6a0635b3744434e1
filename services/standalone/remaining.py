"""Why mail of an account is left at its source after a pass, as sentences for a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.custody.state import Message, Recipient
from shared.model.errors import quoted
from shared.model.message import IN_FLIGHT, PENDING, RecipientStatus
from shared.ports.store import Store

LOOKED_AT = 100
TOLD = 3


async def why_left(store: Store, account: str) -> str | None:
    """Why mails of the account are on their way still, the most frequent reasons first; None where there are
    none.
    """
    rows = [row for row in await store.fetcher.ledger_rows(account) if row.status in IN_FLIGHT]
    messages = [
        message for row in rows[:LOOKED_AT] for message in await store.operator.find_messages(row.message, 1)
    ]
    return summary([reason for message in messages for reason in reasons(message)])


def reasons(message: Message) -> list[str]:
    """Why a message is not settled: one sentence for each recipient that is not done."""
    if not message.recipients:
        return ["not routed yet"]
    return [reason for each in message.recipients.values() if (reason := _reason(each)) is not None]


def summary(sentences: Sequence[str]) -> str | None:
    """The most frequent sentences, with their number where it is more than one."""
    if not sentences:
        return None
    counted = Counter(sentences).most_common()
    told = [f"{sentence} ({count}×)" if count > 1 else sentence for sentence, count in counted[:TOLD]]
    others = len(counted) - TOLD
    return "; ".join([*told, f"and {others} other reasons"] if others > 0 else told)


def _reason(recipient: Recipient) -> str | None:
    if recipient.status is RecipientStatus.DEFERRED:
        return quoted(recipient.text or recipient.code or "deferred")
    if recipient.status is RecipientStatus.WAITING:
        return "waits for an identical mail to arrive"
    return "not delivered yet" if recipient.status in PENDING else None
