from __future__ import annotations

import pytest

from shared.imap.commands import ENABLE_UIDONLY, examine
from shared.imap.presence import look_for, marked_deleted
from shared.imap.uid_set import UidSet
from tests.unit.imap.sessions import logged_in


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (b'* ESEARCH (TAG "$2") UID ALL 5\r\n$2 OK\r\n', {5}),
        (b'* ESEARCH (TAG "$2") UID\r\n$2 OK\r\n', set()),
        (b"* SEARCH 5\r\n$2 OK\r\n", {5}),
        (b"* SEARCH\r\n$2 OK\r\n", set()),
        (b"* SEARCH 5 5\r\n$2 OK\r\n", {4, 5, 6}),
        (b"* SEARCH 5 99\r\n$2 OK\r\n", {4, 5, 6}),
        (b"* SEARCH 5 0\r\n$2 OK\r\n", {4, 5, 6}),
        (b"$2 OK\r\n", {4, 5, 6}),
        (b"* SEARCH\r\n$2 NO not now\r\n", {4, 5, 6}),
        (b"* SEARCH\r\n$2 BAD what\r\n", {4, 5, 6}),
        (b"* SEARCH\r\n$2 OK [MESSAGELIMIT 1] some\r\n", {4, 5, 6}),
    ],
)
async def test_only_a_whole_answer_proves_that_mails_are_gone(answer: bytes, left: set[int]) -> None:
    _, conversation = await logged_in(b"$1 OK\r\n", answer, capabilities=b"")
    await conversation.execute(examine(b"INBOX"))
    assert (await look_for(conversation, [4, 5, 6])).not_proven_gone == left


async def test_a_server_that_may_hide_mails_of_a_large_folder_proves_no_absence() -> None:
    _, conversation = await logged_in(
        b"$1 OK\r\n", b"* SEARCH 5\r\n$2 OK\r\n", capabilities=b"MESSAGELIMIT=1000"
    )
    await conversation.execute(examine(b"INBOX"))
    assert await look_for(conversation, [4, 5, 6]) == ({5}, {4, 6})
    assert await marked_deleted(conversation) is None


async def test_by_uids_alone_such_a_server_shows_all_mails() -> None:
    _, conversation = await logged_in(
        b"* ENABLED UIDONLY\r\n$1 OK\r\n",
        b"$2 OK\r\n",
        b"* SEARCH 5\r\n$3 OK\r\n",
        capabilities=b"MESSAGELIMIT=1000 UIDONLY",
    )
    await conversation.execute(ENABLE_UIDONLY)
    await conversation.execute(examine(b"INBOX"))
    assert await look_for(conversation, [4, 5, 6]) == ({5}, set())


async def test_many_mails_are_looked_for_in_sets() -> None:
    stream, conversation = await logged_in(
        b"$1 OK\r\n", b"* SEARCH 3\r\n$2 OK\r\n", b"* SEARCH 501\r\n$3 OK\r\n", capabilities=b""
    )
    await conversation.execute(examine(b"INBOX"))
    assert await look_for(conversation, range(1, 502)) == ({3, 501}, set())
    assert stream.said[1:] == ["UID SEARCH UID 1:500", "UID SEARCH UID 501"]


async def test_a_compact_answer_is_asked_for_where_it_is_announced() -> None:
    stream, conversation = await logged_in(b"$1 OK\r\n", b'* ESEARCH (TAG "$2") UID ALL 2:3\r\n$2 OK\r\n')
    await conversation.execute(examine(b"INBOX"))
    assert await look_for(conversation, [1, 2, 3]) == ({2, 3}, set())
    assert stream.said[1:] == ["UID SEARCH RETURN (ALL) UID 1:3"]


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        (b"* SEARCH 2 3\r\n$2 OK\r\n", UidSet.of([2, 3])),
        (b"* SEARCH\r\n$2 OK\r\n", UidSet()),
        (b"$2 OK\r\n", None),
    ],
)
async def test_it_is_known_which_mails_are_marked(answer: bytes, marked: UidSet | None) -> None:
    _, conversation = await logged_in(b"$1 OK\r\n", answer, capabilities=b"")
    await conversation.execute(examine(b"INBOX"))
    assert await marked_deleted(conversation) == marked


async def test_where_the_compact_answer_is_refused_though_announced_the_plain_one_is_asked_for() -> None:
    stream, conversation = await logged_in(
        b"$1 OK\r\n", b"$2 BAD RETURN?\r\n", b"* SEARCH 2\r\n$3 OK\r\n", b"* SEARCH\r\n$4 OK\r\n"
    )
    await conversation.execute(examine(b"INBOX"))
    assert await look_for(conversation, [1, 2, 3]) == ({2}, set())
    assert await marked_deleted(conversation) == UidSet()
    assert stream.said[1:] == ["UID SEARCH RETURN (ALL) UID 1:3", "UID SEARCH UID 1:3", "UID SEARCH DELETED"]
