from __future__ import annotations

from services.relay.overdue import events
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.custody import BOB, EVE, message, recipient

R = RecipientStatus


def test_there_is_an_event_for_each_target_of_those_who_are_due() -> None:
    held = message(
        MessageStatus.SETTLED,
        recipient(BOB, R.OPEN, next_attempt_at=1.0),
        recipient(EVE, R.OPEN, next_attempt_at=1.0, target="elsewhere"),
        recipient("done@corp.example", R.DELIVERED),
        blob="mail/m1",
    )
    found = [(each.target, [every.address for every in each.recipients]) for each in events(held)]
    assert found == [("exchange", [BOB]), ("elsewhere", [EVE])]


def test_an_attempt_of_which_nobody_saw_the_end_is_made_again() -> None:
    held = message(
        MessageStatus.GONE,
        recipient(BOB, R.ATTEMPTING, attempt=2, next_attempt_at=1.0),
        recipient(EVE, R.ATTEMPTING, attempt=2),
        blob="mail/m1",
    )
    [event] = events(held)
    assert [(each.address, each.attempt) for each in event.recipients] == [(BOB, 2)]
