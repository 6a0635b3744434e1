from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from shared.imap.commands import examine
from shared.imap.conversation import Conversation
from shared.imap.limits import FetchWindow, Limits, Options
from shared.imap.mail_reader import MailReader
from shared.model.mailbox import Listed, RetrieveEvent
from tests.unit.imap.sessions import SERVER, AnsweringStream
from tests.unit.imap.test_retrieval import mails_in

WINDOW = FetchWindow(mails=4, octets=4000, alone=500, huge=3000, part=1000)
HUGE = b"Subject: huge\r\n\r\n" + b"x" * 3500
SMALL = b"Subject: small\r\n\r\n"
MAILS = {1: SMALL, 2: SMALL, 3: HUGE, 4: HUGE, 5: SMALL}
ASKED = re.compile(r"UID FETCH (\S+) \(UID BODY\.PEEK\[\](?:<(\d+)\.(\d+)>)?\)")


class Server:
    """Has `mails` by UID. `gives_parts`: else it sends the whole mail each time, and says nothing of a part;
    `refuses_parts`: it does not know the command.
    """

    def __init__(
        self, mails: Mapping[int, bytes], *, gives_parts: bool = True, refuses_parts: bool = False
    ) -> None:
        self._mails = mails
        self._gives_parts = gives_parts
        self._refuses_parts = refuses_parts
        self.asked: list[str] = []

    def answer(self, tag: bytes, command: str) -> bytes:
        found = ASKED.fullmatch(command)
        if found is None:
            return tag + b" OK\r\n"
        self.asked.append(found[1] if found[2] is None else f"{found[1]}<{found[2]}>")
        if found[2] is not None and self._refuses_parts:
            return tag + b" BAD what is this\r\n"
        first, _, last = found[1].partition(":")
        answer = b""
        for uid in range(int(first), int(last or first) + 1):
            data, name = self._mails[uid], b"BODY[]"
            if found[2] is not None and self._gives_parts:
                origin = int(found[2])
                data, name = data[origin : origin + int(found[3])], b"BODY[]<%d>" % origin
            answer += b"* 1 FETCH (UID %d %s {%d}\r\n%s)\r\n" % (uid, name, len(data), data)
        return answer + tag + b" OK done\r\n"


async def read(
    server: Server, mails: Mapping[int, bytes], *, cut: tuple[int, ...] = (), parts: bool = True
) -> dict[int, bytes]:
    conversation = Conversation(AnsweringStream(server.answer), SERVER, Limits(whole=500))
    await conversation.read_greeting()
    await conversation.execute(examine(b"INBOX"))
    entries = [Listed(f"{uid:010d}", uid, len(mail)) for uid, mail in mails.items()]
    reader = MailReader(conversation, Options(window=WINDOW, parts=parts))
    events: list[RetrieveEvent] = []
    names = {f"{uid:010d}" for uid in cut}
    async for batch in reader.read(entries, {uid: uid for uid in mails}, names):
        events += batch
    return mails_in(events)


async def test_huge_mails_are_read_in_parts_and_all_mails_in_their_order() -> None:
    server = Server(MAILS)
    assert list((await read(server, MAILS)).items()) == list(MAILS.items())
    parts = [f"{uid}<{origin}>" for uid in (3, 4) for origin in range(0, 4000, 1000)]
    assert server.asked == ["1:2", *parts, "5"]


async def test_a_mail_that_came_cut_is_read_in_parts_whatever_its_size() -> None:
    server = Server(MAILS)
    assert await read(server, {1: SMALL, 2: SMALL}, cut=(2,)) == {1: SMALL, 2: SMALL}
    assert server.asked == ["1", "2<0>"]


async def test_a_huge_mail_whose_parts_came_cut_is_read_whole() -> None:
    server = Server(MAILS)
    assert await read(server, {3: HUGE, 4: HUGE}, cut=(4,)) == {3: HUGE, 4: HUGE}
    assert server.asked[-2:] == ["3<3000>", "4"]


async def test_where_parts_are_switched_off_huge_mails_are_read_whole() -> None:
    server = Server(MAILS)
    assert await read(server, MAILS, parts=False, cut=(1,)) == MAILS
    assert server.asked == ["1", "2", "3", "4", "5"]


async def test_a_server_that_gives_no_parts_is_asked_for_them_once() -> None:
    server = Server(MAILS, gives_parts=False)
    assert await read(server, MAILS) == MAILS
    assert server.asked == ["1:2", "3<0>", "4", "5"]


@pytest.mark.parametrize("cut", [(), (1,)])
async def test_a_mail_of_which_no_part_can_be_had_is_read_whole(cut: tuple[int, ...]) -> None:
    server = Server(MAILS, refuses_parts=True)
    assert await read(server, MAILS, cut=cut) == MAILS
    assert "3<0>" in server.asked
    assert "3" in server.asked
