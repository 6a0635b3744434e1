"""What visits tell of themselves while they go on, for an operator who waits for a pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shared.model.errors import MailferryError


class Retry(NamedTuple):
    """Opening the mailbox of `account` failed for the `attempt`th time of `attempts`; the next is in so many
    seconds (`again_in`).
    """

    account: str
    attempt: int
    attempts: int
    again_in: float
    error: MailferryError


class VisitObserver:
    """Is told; this one does nothing with it."""

    def begin_fetching(self, account: str, mails: int, fetched: Callable[[], int]) -> None:
        """A visit is going to fetch so many mails. `fetched` returns how many of them it has."""

    def note_retry(self, retry: Retry) -> None:
        """A mailbox could not be opened, and is tried again."""

    def end_visit(self, account: str) -> None:
        """A visit has ended."""


NOT_OBSERVED = VisitObserver()
