"""Having the server tell of several folders by NOTIFY."""

from __future__ import annotations

import pytest

from shared.imap.commands import examine
from shared.imap.folder_choice import Folder
from shared.imap.folder_state import FolderState
from shared.imap.notifying import MOST_FOLDERS, Notifying
from tests.unit.imap.sessions import ImapScript, logged_in

LISTS = Folder("Lists", b"Lists")
NEWS = Folder("News & more", b"News &- more")
KNOWN = {"INBOX": FolderState(9, 2, 1), "Lists": FolderState(9, 5, 3)}
TOLD = b"* STATUS Lists (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 9)\r\n"


async def notifying(*reads: bytes, capabilities: bytes = b"IDLE NOTIFY") -> tuple[ImapScript, Notifying]:
    stream, conversation = await logged_in(b"* 1 EXISTS\r\n$1 OK\r\n", *reads, capabilities=capabilities)
    await conversation.execute(examine(b"INBOX"))
    return stream, Notifying(conversation)


async def test_the_server_is_asked_to_tell_of_the_selected_folder_and_the_others() -> None:
    stream, notify = await notifying(TOLD + b"$2 OK\r\n")
    assert await notify.begin([LISTS, NEWS], KNOWN)
    assert stream.said[-1] == (
        "NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge)) "
        '(MAILBOXES ("Lists" "News &- more") (MessageNew MessageExpunge))'
    )
    assert notify.is_on


@pytest.mark.parametrize("numbers", [b"4 UIDNEXT 6", b"2 UIDNEXT 5", b"3 UIDNEXT 6"])
async def test_what_changed_between_the_visit_and_the_question_is_seen(numbers: bytes) -> None:
    _, notify = await notifying(b"* STATUS Lists (MESSAGES %s UIDVALIDITY 9)\r\n$2 OK\r\n" % numbers)
    assert not await notify.begin([LISTS], KNOWN)
    assert notify.is_on
    assert notify.can_tell([LISTS])


@pytest.mark.parametrize("refusal", [b"NO [NOTIFICATIONOVERFLOW] too many", b"BAD what?"])
async def test_a_server_that_refuses_is_not_asked_again_in_the_session(refusal: bytes) -> None:
    _, notify = await notifying(b"$2 " + refusal + b"\r\n")
    assert notify.can_tell([LISTS])
    assert not await notify.begin([LISTS], KNOWN)
    assert not notify.can_tell([LISTS])
    assert not notify.is_on


@pytest.mark.parametrize(
    ("refusal", "asked_again"),
    [
        (b"BAD what?", False),
        (b"NO [BADEVENT (MessageNew)] no", False),
        (b"NO [NOTIFICATIONOVERFLOW] too many", True),
        (b"NO [UNAVAILABLE] later", True),
    ],
)
async def test_a_server_that_does_not_know_it_is_not_asked_in_the_next_sessions(
    refusal: bytes, asked_again: bool
) -> None:
    _, conversation = await logged_in(
        b"* 1 EXISTS\r\n$1 OK\r\n", b"$2 " + refusal + b"\r\n", capabilities=b"IDLE NOTIFY"
    )
    await conversation.execute(examine(b"INBOX"))
    await Notifying(conversation).begin([LISTS], KNOWN)
    assert Notifying(conversation).can_tell([LISTS]) == asked_again


async def test_a_server_that_does_not_announce_it_cannot_tell() -> None:
    _, notify = await notifying(capabilities=b"IDLE")
    assert not notify.can_tell([LISTS])


async def test_of_very_many_folders_none_is_watched() -> None:
    _, notify = await notifying()
    assert notify.can_tell([LISTS] * MOST_FOLDERS)
    assert not notify.can_tell([LISTS] * (MOST_FOLDERS + 1))
    assert not notify.can_tell([Folder("x" * 300, b"x" * 300)] * 20)
