"""Counts what became of the recipients of each account while a pass runs."""

from __future__ import annotations

from collections import Counter

from shared.contract.journal import RecipientOutcome
from shared.model.message import RecipientStatus


class Tally:
    """Outcomes by account; a recipient deferred and then delivered counts under both."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, RecipientStatus]] = Counter()

    def observe(self, account: str, outcome: RecipientOutcome) -> None:
        """An outcome was recorded."""
        self._counts[account, outcome.status] += 1

    def count(self, account: str, status: RecipientStatus) -> int:
        """How many outcomes of this kind an account's mail had."""
        return self._counts[account, status]

    def clear(self) -> None:
        """Count from zero again."""
        self._counts.clear()
