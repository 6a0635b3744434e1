"""What follows from mails that were recognised by their content, and from those that were looked for in vain:
pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.fetcher.decide.plan import why_gone
from shared.custody.decide import is_on_its_way
from shared.model.mailbox import Listed
from shared.model.message import DELETABLE, MessageStatus
from shared.model.retention import Retention
from shared.ports.store import LedgerRow


class Conclusion(NamedTuple):
    """`due` are to be deleted, by message; `copies` counts the settled mails that stay for now."""

    due: dict[str, Listed]
    copies: int


def concluded(
    recognised: Mapping[str, tuple[Listed, LedgerRow]], retention: Retention, now: float
) -> Conclusion:
    """What becomes of the mails that were recognised."""
    settled = {message: each for message, each in recognised.items() if each[1].status in DELETABLE}
    due = {
        message: entry
        for message, (entry, row) in settled.items()
        if row.status is MessageStatus.DELETING or retention.is_over(row.first_fetched_at, now)
    }
    return Conclusion(due, len(settled) - len(due))


def absent(left: Iterable[LedgerRow], now: float, longest_lease: float) -> dict[str, str]:
    """Why mails are gone that a complete visit did not find; not those that are on their way."""
    return {
        row.message: why_gone(row)
        for row in left
        if not is_on_its_way(row.status, row.lease_until, now, longest_lease)
    }
