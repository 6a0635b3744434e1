"""How far one pass has come: accounts that were visited, mails that were fetched and delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from typing_extensions import override

from services.fetcher.mailboxes.visit_observer import Retry, VisitObserver
from shared.model.message import RecipientStatus
from shared.model.progress import Progress, no_progress

VISITED, FETCHED, DELIVERED = "Accounts visited", "Mails fetched", "Recipients delivered to"

MANY = 2_000
"""Objects of a file that take about a second to compare."""


class Outcomes(Protocol):
    """Counts what relays did."""

    def total(self, status: RecipientStatus) -> int:
        """Return how many outcomes of this kind there were, of all accounts."""
        ...


def no_retry(_retry: Retry) -> None:
    """Tell nobody."""


class PassProgress(VisitObserver):
    """Adds up what visits tell. `report` passes it on, as three steps; `on_retry` is told at once."""

    def __init__(
        self, progress: Progress = no_progress, on_retry: Callable[[Retry], None] = no_retry
    ) -> None:
        self._progress = progress
        self._on_retry = on_retry
        self._accounts: frozenset[str] = frozenset()
        self._visited: set[str] = set()
        self._wanted = 0
        self._fetched = 0
        self._under_way: dict[str, Callable[[], int]] = {}

    def applying(self, step: str, done: int, total: int) -> None:
        """Tell how far the file is applied, if it has so much that it takes a while."""
        if total >= MANY:
            self._progress(step, done, total)

    def begin_pass(self, accounts: Sequence[str]) -> None:
        """A pass over these accounts begins."""
        self._accounts = frozenset(accounts)
        self._visited.clear()

    @override
    def begin_fetching(self, account: str, mails: int, fetched: Callable[[], int]) -> None:
        self._wanted += mails
        self._under_way[account] = fetched

    @override
    def note_retry(self, retry: Retry) -> None:
        self._on_retry(retry)

    @override
    def end_visit(self, account: str) -> None:
        if (fetched := self._under_way.pop(account, None)) is not None:
            self._fetched += fetched()
        self._visited.add(account)

    def report(self, outcomes: Outcomes) -> None:
        """Tell how far the pass has come."""
        fetched = self._fetched + sum(count() for count in self._under_way.values())
        delivered = outcomes.total(RecipientStatus.DELIVERED)
        self._progress(VISITED, len(self._visited & self._accounts), len(self._accounts))
        if self._wanted:
            self._progress(FETCHED, fetched, self._wanted)
        if delivered:
            self._progress(DELIVERED, delivered, 0)
