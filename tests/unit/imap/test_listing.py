from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.combined import combine
from shared.imap.commands import ENABLE_UIDONLY, examine
from shared.imap.conversation import Conversation
from shared.imap.events import Selected
from shared.imap.folder_list import ONLY_INBOX
from shared.imap.folder_listing import FolderListing
from shared.imap.folder_state import FolderState
from shared.imap.limits import Limits
from shared.imap.listing import PER_SPAN, list_folder, list_later, spans
from shared.imap.uid_set import LARGEST_UID, UidSet
from shared.model.source_errors import SourceRefused, SourceViolation
from tests.unit.imap.sessions import SERVER, AnsweringStream, ImapScript, logged_in

INBOX = examine(b"INBOX")
SELECTED = Selected(INBOX, exists=3, uidvalidity=9, uidnext=8)


def row(number: int, uid: int, size: int) -> bytes:
    return b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (number, uid, size)


THREE = row(1, 2, 100) + row(2, 5, 200) + row(3, 7, 300)


async def listed(
    *reads: bytes, selected: Selected = SELECTED, limits: Limits | None = None
) -> tuple[ImapScript, FolderListing]:
    stream, conversation = await logged_in(b"$1 OK\r\n", *reads)
    await conversation.execute(INBOX)
    return stream, await list_folder(conversation, ONLY_INBOX, selected, limits or Limits())


async def test_a_small_folder_is_listed_by_one_command() -> None:
    stream, folder = await listed(THREE + b"$2 OK\r\n")
    assert stream.said[1:] == ["UID FETCH 1:* (UID RFC822.SIZE)"]
    assert folder.sizes == {2: 100, 5: 200, 7: 300}
    assert folder.is_complete
    assert folder.problems == []


async def test_an_empty_folder_is_complete_without_a_question() -> None:
    stream, folder = await listed(selected=Selected(INBOX, exists=0, uidvalidity=9, uidnext=1))
    assert stream.said[1:] == []
    assert folder.is_complete


async def test_where_select_does_not_say_uidnext_status_does() -> None:
    said = b'* STATUS "INBOX" (MESSAGES 3 UIDNEXT 8 UIDVALIDITY 9)\r\n$2 OK\r\n'
    selected = Selected(INBOX, exists=3, uidvalidity=9)
    stream, folder = await listed(said, THREE + b"$3 OK\r\n", selected=selected)
    assert [line.split()[0] for line in stream.said] == ["EXAMINE", "STATUS", "UID"]
    assert folder.state == FolderState(9, 8, 3)


@pytest.mark.parametrize(
    "selected",
    [
        Selected(INBOX, exists=3, uidvalidity=9, uidnext=7),
        Selected(INBOX, exists=4, uidvalidity=9, uidnext=8),
        Selected(INBOX, exists=3, uidvalidity=9, uidnext=8, uid_not_sticky=True),
    ],
)
async def test_a_state_that_the_list_contradicts_is_not_believed(selected: Selected) -> None:
    _, folder = await listed(THREE + b"$2 OK\r\n", selected=selected)
    assert folder.state is None


async def later(since: FolderState, selected: Selected, *reads: bytes) -> FolderListing | None:
    _, conversation = await logged_in(b"$1 OK\r\n", *reads)
    await conversation.execute(INBOX)
    return await list_later(conversation, ONLY_INBOX, selected, since, Limits())


async def test_later_mails_are_listed_where_all_earlier_ones_are_still_there() -> None:
    folder = await later(FolderState(9, 6, 2), SELECTED, row(3, 7, 300) + b"$2 OK\r\n")
    assert folder is not None
    assert (folder.sizes, folder.state, folder.is_complete) == ({7: 300}, FolderState(9, 8, 3), True)


async def test_the_last_mail_is_no_later_one_where_a_server_sends_it_for_want_of_any() -> None:
    gone = Selected(INBOX, exists=2, uidvalidity=9, uidnext=8)
    folder = await later(FolderState(9, 6, 2), gone, row(2, 5, 200) + b"$2 OK\r\n")
    assert folder is not None
    assert (folder.sizes, folder.is_complete) == ({}, True)


@pytest.mark.parametrize(
    ("since", "answer"),
    [
        (FolderState(8, 6, 2), b""),
        (FolderState(9, 9, 2), b""),
        (FolderState(9, 6, 3), row(3, 7, 300) + b"$2 OK\r\n"),
        (FolderState(9, 6, 2), b"$2 OK\r\n"),
        (FolderState(9, 6, 2), row(3, 7, 300) + b"* 1 EXPUNGE\r\n$2 OK\r\n"),
    ],
    ids=["other time", "uidnext fell", "one went", "one is not shown", "one goes meanwhile"],
)
async def test_nothing_is_taken_for_unchanged_where(since: FolderState, answer: bytes) -> None:
    assert await later(since, SELECTED, *([answer] if answer else [])) is None


@pytest.mark.parametrize(
    ("answer", "sizes", "problems"),
    [
        (row(1, 2, 1) + row(2, 5, 2) + b"$2 OK\r\n", {2: 1, 5: 2}, 1),
        (THREE + row(4, 7, 300) + b"$2 OK\r\n", {2: 100, 5: 200, 7: 300}, 1),
        (row(1, 2, 1) + row(2, 5, 2) + row(3, 0, 3) + b"$2 OK\r\n", {2: 1, 5: 2}, 1),
        (row(1, 2, 1) + row(2, 5, 2) + b"* 3 EXPUNGE\r\n$2 OK\r\n", {2: 1, 5: 2}, 0),
        (THREE + b"* VANISHED 5\r\n$2 OK\r\n", {2: 100, 5: 200, 7: 300}, 0),
        (THREE + b"$2 OK [MESSAGELIMIT 3 2] only some\r\n", {2: 100, 5: 200, 7: 300}, 1),
        (THREE + b"$2 OK [EXPUNGEISSUED] some are gone\r\n", {2: 100, 5: 200, 7: 300}, 0),
        (b"* 4 EXISTS\r\n" + THREE + b"$2 OK\r\n", {2: 100, 5: 200, 7: 300}, 0),
        (b"$2 OK\r\n", {}, 1),
    ],
)
async def test_a_listing_from_which_a_mail_may_be_missing_proves_no_absence(
    answer: bytes, sizes: Mapping[int, int], problems: int
) -> None:
    _, folder = await listed(answer)
    assert folder.sizes == sizes
    assert not folder.is_complete
    assert len(folder.problems) == problems


async def test_a_server_that_does_not_count_proves_no_absence() -> None:
    _, folder = await listed(THREE + b"$2 OK\r\n", selected=Selected(INBOX, uidvalidity=9))
    assert not folder.is_complete
    assert "does not say how many" in folder.problems[0]


async def test_a_mail_that_came_meanwhile_and_is_listed_counts() -> None:
    _, folder = await listed(b"* 4 EXISTS\r\n" + THREE + row(4, 9, 1) + b"$2 OK\r\n")
    assert folder.is_complete


async def test_a_size_that_is_missing_is_unknown() -> None:
    _, folder = await listed(b"* 1 FETCH (UID 2)\r\n" + row(2, 5, 2) + row(3, 7, 3) + b"$2 OK\r\n")
    assert folder.sizes[5] == 2


@pytest.mark.parametrize(
    ("answer", "kind"), [(b"$2 NO x\r\n", SourceRefused), (b"$2 BAD x\r\n", SourceViolation)]
)
async def test_a_refused_listing_is_no_empty_one(answer: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="Listing INBOX"):
        await listed(answer)


async def test_a_large_folder_is_listed_by_spans_two_ahead() -> None:
    selected = Selected(INBOX, exists=12_000, uidvalidity=9, uidnext=12_001)
    stream, folder = await listed(
        row(1, 1, 10), b"$2 OK\r\n", row(4001, 4002, 10) + b"$3 OK\r\n", b"$4 OK\r\n", selected=selected
    )
    assert stream.said[1:] == [
        "UID FETCH 1:4001 (UID RFC822.SIZE)",
        "UID FETCH 4002:8002 (UID RFC822.SIZE)",
        "UID FETCH 8003:* (UID RFC822.SIZE)",
    ]
    assert len(stream.writes[1:]) == 3, "the third when the first was answered"
    assert not folder.is_complete


async def test_mails_above_the_limit_of_a_listing_wait_for_later_sessions() -> None:
    _, folder = await listed(THREE + b"$2 OK\r\n", limits=Limits(entries=2))
    assert folder.sizes == {2: 100, 5: 200}
    assert not folder.is_complete
    assert folder.problems == ["INBOX has more than 2 mails; the rest waits for later sessions."]


async def test_where_copies_stay_the_newest_mails_are_listed_of_more_than_the_limit() -> None:
    """Else the copies would keep newer mail from ever being listed."""
    asked = []

    def answer(tag: bytes, command: str) -> bytes:
        if not command.startswith("UID FETCH"):
            return tag + b" OK\r\n"
        asked.append(command.split()[2])
        first, _, last = asked[-1].partition(":")
        uids = range(int(first), (12_000 if last == "*" else int(last)) + 1)
        return b"".join(row(uid, uid, 10) for uid in uids) + tag + b" OK\r\n"

    conversation = Conversation(AnsweringStream(answer), SERVER, Limits())
    await conversation.read_greeting()
    await conversation.execute(INBOX)
    selected = Selected(INBOX, exists=12_000, uidvalidity=9, uidnext=12_001)
    limits = Limits(entries=5_000)
    folder = await list_folder(conversation, ONLY_INBOX, selected, limits, newest=True)
    assert sorted(folder.sizes) == list(range(7_001, 12_001))
    assert (folder.is_complete, folder.state) == (False, None)
    assert folder.problems == ["INBOX has more than 5000 mails; only the newest are looked at."]


@given(
    exists=st.integers(0, 2**40) | st.none(),
    uidnext=st.integers(0, 2**40) | st.none(),
    most=st.integers(PER_SPAN, 500_000),
)
def test_the_spans_of_a_folder_leave_no_uid_out_and_are_few(
    exists: int | None, uidnext: int | None, most: int
) -> None:
    found = spans(Selected(INBOX, exists=exists, uidnext=uidnext), most)
    assert 1 <= len(found) <= most // PER_SPAN + 1
    firsts, lasts = zip(*(each.ranges[0] for each in found), strict=True)
    assert firsts[0] == 1
    assert lasts[-1] > LARGEST_UID
    assert [each + 1 for each in lasts[:-1]] == list(firsts[1:])


def test_a_set_of_all_uids_has_no_end() -> None:
    assert spans(SELECTED, 500_000) == [UidSet.span(1)]


FLAGGED = (
    b"* 1 FETCH (UID 2 FLAGS () RFC822.SIZE 100)\r\n"
    b"* 2 FETCH (UID 5 FLAGS (\\Deleted \\Seen) RFC822.SIZE 200)\r\n"
    b"* 3 FETCH (FLAGS (\\Draft) UID 7 RFC822.SIZE 300)\r\n"
)


async def with_flags(*reads: bytes, skip: tuple[str, ...]) -> tuple[ImapScript, FolderListing]:
    stream, conversation = await logged_in(b"$1 OK\r\n", *reads)
    await conversation.execute(INBOX)
    return stream, await list_folder(conversation, ONLY_INBOX, SELECTED, Limits(), skip)


@pytest.mark.parametrize(
    ("skip", "flagged"), [(("deleted",), {5}), (("draft",), {7}), (("deleted", "draft"), {5, 7})]
)
async def test_mails_with_a_flag_to_skip_are_listed_and_named(
    skip: tuple[str, ...], flagged: set[int]
) -> None:
    stream, folder = await with_flags(FLAGGED + b"$2 OK\r\n", skip=skip)
    assert stream.said[1:] == ["UID FETCH 1:* (UID FLAGS RFC822.SIZE)"]
    assert (folder.sizes, folder.flagged, folder.is_complete) == ({2: 100, 5: 200, 7: 300}, flagged, True)
    numbers = {2: 1, 5: 2, 7: 3}
    assert combine([folder]).listing.flagged == {numbers[uid] for uid in flagged}


async def test_a_flag_that_changes_while_the_folder_is_listed_counts_as_no_mail() -> None:
    changes = b"* 2 FETCH (UID 5 FLAGS ())\r\n* 1 FETCH (UID 2 FLAGS (\\Deleted))\r\n"
    _, folder = await with_flags(FLAGGED + changes + b"$2 OK\r\n", skip=("deleted",))
    assert (folder.flagged, folder.is_complete, folder.problems) == ({2}, True, [])


class LimitedServer:
    """A folder whose server looks at `limit` mails for a command, from the newest or the oldest on."""

    def __init__(self, uids: list[int], limit: int, *, newest_first: bool, code: bool = True) -> None:
        self.uids = uids
        self.limit = limit
        self.newest_first = newest_first
        self.code = code

    def __call__(self, tag: bytes, command: str) -> bytes:
        if not command.startswith("UID FETCH"):
            enabled = b"* ENABLED UIDONLY\r\n" if command.startswith("ENABLE") else b""
            return enabled + tag + b" OK\r\n"
        first, _, last = command.split()[2].partition(":")
        end = LARGEST_UID if last == "*" else int(last or first)
        asked = [uid for uid in self.uids if int(first) <= uid <= end]
        some = sorted(asked, reverse=self.newest_first)[: self.limit]
        rows = b"".join(row(self.uids.index(uid) + 1, uid, 100) for uid in some)
        if len(some) == len(asked):
            return rows + tag + b" OK\r\n"
        last_one = b" %d" % some[-1] if self.code else b""
        return rows + tag + b" OK [MESSAGELIMIT %d%s] the rest is left out\r\n" % (self.limit, last_one)


async def limited(server: LimitedServer, announced: bytes, exists: int | None = None) -> FolderListing:
    stream = AnsweringStream(server, capabilities=announced)
    conversation = Conversation(stream, SERVER, Limits())
    await conversation.read_greeting()
    if b"UIDONLY" in announced:
        await conversation.execute(ENABLE_UIDONLY)
    await conversation.execute(INBOX)
    count = len(server.uids) if exists is None else exists
    selected = Selected(INBOX, exists=count, uidvalidity=9, uidnext=max(server.uids) + 1)
    return await list_folder(conversation, ONLY_INBOX, selected, Limits())


@given(
    uids=st.lists(st.integers(1, 400), min_size=1, max_size=60, unique=True).map(sorted),
    limit=st.integers(2, 20),
    newest_first=st.booleans(),
)
async def test_where_a_server_looks_at_so_many_mails_for_a_command_the_rest_is_asked_for(
    uids: list[int], limit: int, newest_first: bool
) -> None:
    server = LimitedServer(uids, limit, newest_first=newest_first)
    folder = await limited(server, b"UIDONLY MESSAGELIMIT=%d" % limit)
    assert (sorted(folder.sizes), folder.is_complete, folder.problems) == (uids, True, [])


async def test_a_server_that_does_not_say_what_it_left_out_proves_no_absence() -> None:
    server = LimitedServer(list(range(1, 31)), 10, newest_first=True, code=False)
    folder = await limited(server, b"UIDONLY MESSAGELIMIT=20")
    assert not folder.is_complete
    assert "showed a part of INBOX only" in folder.problems[0]
    assert folder.state is None


async def test_a_server_that_may_hide_the_older_mails_of_a_large_folder_proves_no_absence() -> None:
    server = LimitedServer(list(range(1, 11)), 10, newest_first=True)
    folder = await limited(server, b"MESSAGELIMIT=10")
    assert len(folder.sizes) == 10
    assert (folder.is_complete, folder.state) == (False, None)
    assert "shows at most 10 mails of a folder" in folder.problems[0]
    assert combine([folder]).listing.covered == []


async def test_a_folder_smaller_than_the_limit_is_whole() -> None:
    folder = await limited(LimitedServer([3, 4], 10, newest_first=True), b"MESSAGELIMIT=10")
    assert (folder.is_complete, folder.problems) == (True, [])


async def test_a_listing_that_is_refused_for_its_size_proves_no_absence() -> None:
    _, folder = await listed(b"$2 NO [MESSAGELIMIT 1000] too many\r\n")
    assert (folder.is_complete, len(folder.problems)) == (False, 1)


@pytest.mark.parametrize(
    ("capability", "item", "value"),
    [("OBJECTID", "EMAILID", "(M6d99ac3275bb4e)"), ("X-GM-EXT-1", "X-GM-MSGID", "1278455344230334865")],
)
async def test_object_ids_are_listed_where_the_server_has_them(
    capability: str, item: str, value: str
) -> None:
    said = f"* 1 FETCH (UID 2 RFC822.SIZE 100 {item} {value})\r\n"
    other = f"* 2 FETCH ({item} ({'x' * 300}) UID 5 RFC822.SIZE 200)\r\n* 3 FETCH (UID 7 RFC822.SIZE 300)\r\n"
    stream, conversation = await logged_in(
        f"* CAPABILITY IMAP4rev1 {capability}\r\n$1 OK\r\n".encode(), (said + other).encode() + b"$2 OK\r\n"
    )
    await conversation.execute(INBOX)
    folder = await list_folder(conversation, ONLY_INBOX, SELECTED, Limits())
    assert set(stream.said[1].strip(")").split("(")[1].split()) == {"UID", "RFC822.SIZE", item}
    assert folder.is_complete
    listing = combine([folder]).listing
    assert [each.object_id for each in listing.entries] == [value.strip("()"), "", ""]


async def test_an_object_id_in_a_line_of_its_own_makes_no_mail_twice() -> None:
    lines = THREE + b"* 1 FETCH (UID 2 EMAILID (M1))\r\n"
    _, conversation = await logged_in(b"* CAPABILITY IMAP4rev1 OBJECTID\r\n$1 OK\r\n", lines + b"$2 OK\r\n")
    await conversation.execute(INBOX)
    folder = await list_folder(conversation, ONLY_INBOX, SELECTED, Limits())
    assert (folder.is_complete, folder.sizes[2], folder.object_ids) == (True, 100, {2: "M1"})
