"""The mailbox of a visit that is watched."""

from __future__ import annotations

import pytest

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.scheduler.visit_monitor import MonitoredMailbox

WITHOUT_AN_ANSWER = {"abort", "wait_for_change", "forget_listing", "resume", "recall", "distrust_uids"}
"""No visit is under way when these are called, or nothing is waited for."""
QUESTIONS = [
    name
    for name, value in vars(Mailbox).items()
    if not name.startswith("_") and not isinstance(value, property) and name not in WITHOUT_AN_ANSWER
]


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_to_every_question_is_waited_for_under_watch(name: str) -> None:
    assert name in vars(MonitoredMailbox)
