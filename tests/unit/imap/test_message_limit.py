from __future__ import annotations

import pytest

from shared.imap.events import Reply
from shared.imap.mail_commands import SIZE, fetch_items
from shared.imap.message_limit import message_limit, unprocessed
from shared.imap.status_lines import Condition
from shared.imap.uid_set import UidSet
from tests.unit.imap.sessions import logged_in

SPAN = UidSet.span(10, 90)


def reply(argument: bytes, condition: Condition = Condition.OK, code: str = "MESSAGELIMIT") -> Reply:
    return Reply(fetch_items(SPAN, (SIZE,)), condition, code, argument)


@pytest.mark.parametrize(
    ("argument", "shown", "rest"),
    [
        (b"3 70", [90, 80, 70], UidSet.span(10, 69)),
        (b"3 30", [10, 20, 30], UidSet.span(31, 90)),
        (b"3 10", [30, 20, 10], UidSet()),
        (b"3 90", [30, 60, 90], UidSet()),
        (b"3 65", [90, 80, 70], UidSet.span(10, 64)),
    ],
)
def test_what_was_left_out_lies_beyond_the_last_mail(argument: bytes, shown: list[int], rest: UidSet) -> None:
    assert unprocessed(reply(argument), dict.fromkeys(shown, 1)) == rest


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (reply(b"3"), [90, 80, 70]),
        (reply(b"3 70"), []),
        (reply(b"3 70"), [70]),
        (reply(b"3 70"), [60, 80]),
        (reply(b"3 5"), [90, 80]),
        (reply(b"3 70", Condition.NO), [90, 80, 70]),
        (reply(b"3 70", code="EXPUNGEISSUED"), [90, 80, 70]),
    ],
)
def test_where_the_server_does_not_say_at_what_it_looked_nothing_is_guessed(
    answer: Reply, shown: list[int]
) -> None:
    assert unprocessed(answer, dict.fromkeys(shown, 1)) is None


@pytest.mark.parametrize(
    ("announced", "limit"),
    [(b"MESSAGELIMIT=1000", 1000), (b"UIDPLUS", None), (b"MESSAGELIMIT=", None), (b"MESSAGELIMIT=0", None)],
)
async def test_the_limit_is_announced(announced: bytes, limit: int | None) -> None:
    _, conversation = await logged_in(capabilities=announced)
    assert message_limit(conversation) == limit
