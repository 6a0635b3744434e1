"""What one pass did for each account, and why mail is left at its source afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.custody.state import Message, Recipient
from shared.model.errors import joined, quoted
from shared.model.message import IN_FLIGHT, PENDING, RecipientStatus
from shared.ports.store import Store

MAX_MAILS = 100
"""Mails of an account that are looked at to say why mail is left."""
MAX_REASONS = 3


@dataclass(frozen=True, slots=True)
class AccountPass:
    """What one pass did for one account.

    It fetched and deleted mails. Recipients were `delivered` to, or `suppressed` because they had an
    identical mail already. `waiting` mails are left at the source for another pass; None where the source did
    not say. `copies` are done and stay there, and `skipped` are left there because of `begin`. `in_flight`
    mails were fetched and are not delivered to all yet. `parked` recipients wait for an operator, from
    earlier passes too. `problem` says why mail is left, or what else the operator should know; with
    `only_tls_missing` it is no more than that the TLS that was wanted is not all there.
    """

    account: str
    fetched: int
    delivered: int
    suppressed: int
    parked: int
    deleted: int
    waiting: int | None
    problem: str | None
    only_tls_missing: bool = False
    copies: int = 0
    skipped: int = 0
    in_flight: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.waiting == 0 and (self.problem is None or self.only_tls_missing)


async def why_left(store: Store, account: str) -> str | None:
    """Return why mails of the account are not settled, the most frequent reasons first; None if all are."""
    rows = [row for row in await store.fetcher.ledger_rows(account) if row.status in IN_FLIGHT]
    messages = [
        message for row in rows[:MAX_MAILS] for message in await store.operator.find_messages(row.message, 1)
    ]
    return summary([reason for message in messages for reason in reasons(message)])


def reasons(message: Message) -> list[str]:
    """Return why a message is not settled: one sentence for each recipient that is not done."""
    if not message.recipients:
        return ["not routed yet"]
    return [reason for each in message.recipients.values() if (reason := _reason(each)) is not None]


def summary(sentences: Sequence[str]) -> str | None:
    """Return the most frequent sentences, with their number where it is more than one."""
    if not sentences:
        return None
    counted = Counter(sentences).most_common()
    named = [f"{each} ({count}×)" if count > 1 else each for each, count in counted[:MAX_REASONS]]
    others = len(counted) - MAX_REASONS
    return joined([*named, f"and {others} other reasons"] if others > 0 else named)


def _reason(recipient: Recipient) -> str | None:
    if recipient.status is RecipientStatus.DEFERRED:
        return quoted(recipient.text or recipient.code or "deferred")
    if recipient.status is RecipientStatus.WAITING:
        return "waits for an identical mail to arrive"
    return "not delivered yet" if recipient.status in PENDING else None
