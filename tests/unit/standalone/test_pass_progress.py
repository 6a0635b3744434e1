"""What is told of a pass while it goes on."""

from __future__ import annotations

from services.fetcher.mailboxes.visit_observer import Retry
from services.standalone.pass_progress import DELIVERED, FETCHED, MANY, VISITED, PassProgress
from shared.model.message import RecipientStatus
from shared.net.errors import ConnectFailed


class Delivered:
    """Outcomes of a relay."""

    def __init__(self) -> None:
        self.number = 0

    def total(self, status: RecipientStatus) -> int:
        return self.number if status is RecipientStatus.DELIVERED else 99


def test_mails_count_while_they_are_fetched_and_accounts_when_their_visit_has_ended() -> None:
    told: dict[str, tuple[int, int]] = {}
    progress = PassProgress(lambda step, done, total: told.update({step: (done, total)}))
    outcomes, fetched = Delivered(), 0
    progress.begin_pass(["acme/a", "acme/b"])
    progress.report(outcomes)
    assert told == {VISITED: (0, 2)}
    progress.begin_fetching("acme/a", 500, lambda: fetched)
    fetched, outcomes.number = 120, 70
    progress.report(outcomes)
    assert told == {VISITED: (0, 2), FETCHED: (120, 500), DELIVERED: (70, 0)}
    fetched = 500
    progress.end_visit("acme/a")
    fetched = 0
    progress.begin_fetching("acme/b", 10, lambda: 3)
    progress.report(outcomes)
    assert told == {VISITED: (1, 2), FETCHED: (503, 510), DELIVERED: (70, 0)}


def test_a_retry_is_told_at_once() -> None:
    told: list[Retry] = []
    retry = Retry("acme/a", 1, 3, 1.0, ConnectFailed("out of reach"))
    PassProgress(on_retry=told.append).note_retry(retry)
    PassProgress().note_retry(retry)
    assert told == [retry]


def test_applying_a_file_is_told_where_it_takes_a_while() -> None:
    told: list[tuple[str, int, int]] = []
    progress = PassProgress(lambda *step: told.append(step))
    progress.applying("Objects compared", 3, 3)
    progress.applying("Objects compared", 1_000, MANY)
    assert told == [("Objects compared", 1_000, MANY)]
