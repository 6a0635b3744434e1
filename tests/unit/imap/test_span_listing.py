from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from shared.imap import span_listing
from shared.imap.commands import examine
from shared.imap.conversation import Conversation
from shared.imap.events import Selected
from shared.imap.folder_list import ONLY_INBOX
from shared.imap.folder_state import FolderState
from shared.imap.limits import Limits
from shared.imap.span_listing import FolderSpan, is_huge, list_spans
from shared.imap.uid_set import LARGEST_UID
from shared.model.source_errors import SourceRefused
from tests.unit.imap.sessions import SERVER, AnsweringStream

INBOX = examine(b"INBOX")
UIDS = [3, 4, 7, 1000, 4_000_000_000]
_ASKED = re.compile(r"UID FETCH (\d+):(\d+|\*) ")


@pytest.fixture(autouse=True)
def two_mails_of_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_listing, "PER_SPAN", 2)


@dataclass
class Server:
    """A folder with these UIDs. `before` each answer to a listing it may change them, and say something."""

    uids: list[int] = field(default_factory=lambda: [*UIDS])
    hides: Sequence[int] = ()
    numbers: bytes = b"OK"
    before: Callable[[Server, int], bytes] = lambda _server, _first: b""
    uid_at: Callable[[Server, int], int] = lambda server, number: server.uids[number - 1]
    refused: str = ""

    def __call__(self, tag: bytes, command: str) -> bytes:
        data, status = b"", b"OK"
        if command.startswith("FETCH"):
            numbers = map(int, command.split()[1].split(",")) if self.numbers == b"OK" else ()
            data, status = b"".join(_uid(n, self.uid_at(self, n)) for n in numbers), self.numbers
        elif (asked := _ASKED.match(command)) is not None:
            first = int(asked[1])
            last = LARGEST_UID if asked[2] == "*" else int(asked[2])
            data = self.before(self, first)
            there = [each for each in self.uids if first <= each <= last and each not in self.hides]
            data += b"".join(b"* 1 FETCH (UID %d RFC822.SIZE 9)\r\n" % each for each in there)
            status = b"NO [SERVERBUG] no" if asked[1] == self.refused else status
        return data + b"%s %s\r\n" % (tag, status)


def _uid(number: int, uid: int) -> bytes:
    return b"* %d FETCH (UID %d)\r\n" % (number, uid)


def selected(count: int = len(UIDS), uidnext: int | None = LARGEST_UID) -> Selected:
    return Selected(INBOX, exists=count, uidvalidity=9, uidnext=uidnext)


async def spans(server: Server) -> tuple[AnsweringStream, list[FolderSpan]]:
    stream = AnsweringStream(server)
    conversation = Conversation(stream, SERVER, Limits())
    await conversation.read_greeting()
    await conversation.execute(INBOX)
    opened = selected()
    return stream, [each async for each in list_spans(conversation, ONLY_INBOX, opened, Limits())]


async def test_spans_have_as_many_mails_however_the_uids_lie() -> None:
    stream, found = await spans(Server())
    assert [[*each.listing.sizes] for each in found] == [[3, 4], [7, 1000], [4_000_000_000]]
    assert [(each.first, each.last) for each in found] == [(1, 4), (5, 1000), (1001, None)]
    assert stream.commands[1] == "FETCH 2,4 (UID)"
    assert [each.state for each in found] == [None, None, FolderState(9, LARGEST_UID, 5)]


async def test_a_mail_that_is_left_out_proves_nothing() -> None:
    _, found = await spans(Server(hides=[7]))
    assert found[-1].state is None
    assert found[-1].listing.problems == [f"{SERVER} counts 5 in INBOX, but lists 4."]


async def test_a_mail_that_came_meanwhile_does_not_stand_for_one_that_is_left_out() -> None:
    def arrive(server: Server, first: int) -> bytes:
        server.uids += [LARGEST_UID] if first == 5 else []
        return b"* 6 EXISTS\r\n" if first == 5 else b""

    _, found = await spans(Server(hides=[3], before=arrive))
    assert found[-1].state is None
    assert [*found[-1].listing.sizes] == [4_000_000_000, LARGEST_UID]
    _, found = await spans(Server(before=arrive))
    assert found[-1].state == FolderState(9, LARGEST_UID, 5)


@pytest.mark.parametrize(("uid", "is_proven"), [(3, True), (1000, False)])
async def test_of_a_mail_that_left_meanwhile_it_matters_whether_it_was_listed(
    uid: int, is_proven: bool
) -> None:
    def leave(server: Server, first: int) -> bytes:
        if first != 5:
            return b""
        server.uids.remove(uid)
        return b"* 1 EXPUNGE\r\n"

    _, found = await spans(Server(before=leave))
    assert ((found[-1].state is not None), found[-1].listing.problems) == (is_proven, [])


async def test_a_mail_that_is_listed_twice_proves_nothing() -> None:
    def repeat(_server: Server, first: int) -> bytes:
        return b"* 1 FETCH (UID 7 RFC822.SIZE 9)\r\n" if first == 5 else b""

    _, found = await spans(Server(before=repeat))
    assert found[-1].state is None
    assert "1 mails" in found[-1].listing.problems[0]


@pytest.mark.parametrize("numbers", [b"BAD what", b"NO [CANNOT] no"])
async def test_where_the_server_refuses_sequence_numbers_the_uids_are_taken_to_lie_evenly(
    numbers: bytes,
) -> None:
    _, found = await spans(Server(numbers=numbers))
    assert [[*each.listing.sizes] for each in found] == [[3, 4, 7, 1000], [], [4_000_000_000]]
    assert found[-1].state is not None


async def test_wrong_uids_of_sequence_numbers_change_the_spans_alone() -> None:
    _, found = await spans(Server(uid_at=lambda _server, number: 5_000 - number))
    assert [[*each.listing.sizes] for each in found] == [[3, 4, 7, 1000], [], [4_000_000_000]]
    assert found[-1].state is not None


async def test_a_span_that_is_refused_ends_the_listing() -> None:
    with pytest.raises(SourceRefused):
        await spans(Server(refused="5"))


@pytest.mark.parametrize(
    ("opened", "capabilities", "expected"),
    [
        (selected(3), b"", True),
        (selected(2), b"", False),
        (selected(3, uidnext=None), b"", False),
        (replace(selected(3), uid_not_sticky=True), b"", False),
        (selected(3), b"MESSAGELIMIT=1000", False),
        (selected(4_000_000_000), b"", False),
    ],
)
async def test_only_a_large_folder_with_lasting_uids_is_listed_by_spans(
    opened: Selected, capabilities: bytes, expected: bool
) -> None:
    stream = AnsweringStream(Server(), capabilities=b"UIDPLUS " + capabilities)
    conversation = Conversation(stream, SERVER, Limits())
    await conversation.read_greeting()
    assert is_huge(conversation, opened) == expected
