from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.commands import examine
from shared.imap.conversation import Conversation
from shared.imap.limits import Limits
from shared.imap.part_retrieval import MOST_REOPENINGS, PartRetrieval
from shared.model.mailbox import Listed, MailRefused, MailStarted, RetrieveEvent
from shared.model.source_errors import LimitExceeded, OutOfStep, SourceBusy, SourceRefused, SourceViolation
from shared.net.errors import ConnectionLost
from tests.unit.imap.sessions import SERVER, AnsweringStream
from tests.unit.imap.test_retrieval import NOTICE, mails_in

UID = 7
PART = 1000
MAIL = b"Subject: huge\r\n\r\n" + b"".join(b"line %d\r\n" % number for number in range(500))
ASKED = re.compile(r"UID FETCH 7 \(UID BODY\.PEEK\[\]<(\d+)\.(\d+)>\)")

Says = Callable[[int, int], bytes | None]
"""What the server says of so many octets from an offset on; None for what it should say."""


def part(origin: int, data: bytes) -> bytes:
    return b"* 1 FETCH (UID 7 BODY[]<%d> {%d}\r\n%s)\r\n" % (origin, len(data), data)


def nothing(_: int) -> bytes:
    return b"* 1 FETCH (UID 7 BODY[] NIL)\r\n"


class Server:
    """Has `mail`, and `says` what is odd about its parts. It hangs up after `cuts` octets of one session,
    one number for each session that is cut. `is_there`: what SEARCH tells.
    """

    def __init__(
        self,
        mail: bytes = MAIL,
        says: Says = lambda *_: None,
        *,
        octets: int = 0,
        cuts: list[int] | None = None,
        ends: Mapping[int, bytes] | None = None,
        is_there: bool = True,
        size: int | None = None,
    ) -> None:
        self.mail = mail
        self.size = len(mail) if size is None else size
        self.is_there = is_there
        self.asked: list[tuple[int, int]] = []
        self.conversations: list[Conversation] = []
        self._says = says
        self._octets = octets
        self._cuts = cuts or []
        self._ends = ends or {}

    async def connect(self) -> Conversation:
        stream = CutStream(self._answer, octets=self._octets)
        stream.left = self._cuts.pop(0) if self._cuts else None
        conversation = Conversation(stream, SERVER, Limits(whole=300))
        await conversation.read_greeting()
        await conversation.execute(examine(b"INBOX"))
        self.conversations.append(conversation)
        return conversation

    def _answer(self, tag: bytes, command: str) -> bytes:
        end = b"OK done"
        answer = b""
        if (found := ASKED.fullmatch(command)) is not None:
            origin, octets = int(found[1]), int(found[2])
            self.asked.append((origin, octets))
            said = self._says(origin, octets)
            answer = part(origin, self.mail[origin : origin + octets]) if said is None else said
            end = self._ends.get(origin, end)
        elif command.startswith("UID FETCH 7 (UID RFC822.SIZE)"):
            answer = b"* 1 FETCH (UID 7 RFC822.SIZE %d)\r\n" % self.size
        elif command.startswith("UID SEARCH"):
            answer = b"* SEARCH 7\r\n" if self.is_there else b"* SEARCH\r\n"
        return answer + tag + b" " + end + b"\r\n"


class CutStream(AnsweringStream):
    """Ends after `left` octets; None: it does not end."""

    left: int | None = None

    async def read(self) -> bytes:
        data = await super().read()
        if self.left is None:
            return data
        data, self.left = data[: self.left], max(0, self.left - len(data))
        return data


class Run:
    """One retrieval, with its events."""

    def __init__(self, server: Server, *, most: int = 100_000, reopens: bool = True) -> None:
        self.server = server
        self.events: list[RetrieveEvent] = []
        self.entry = Listed("0000000007", 1, server.size)
        self.retrieval: PartRetrieval | None = None
        self._most = most
        self._reopens = reopens

    async def __call__(self) -> Run:
        conversation = await self.server.connect()

        async def reopen() -> None:
            conversation.continue_as(await self.server.connect())

        again: Callable[[], Awaitable[None]] | None = reopen if self._reopens else None
        self.retrieval = PartRetrieval(conversation, self.entry, UID, PART, self._most, again)
        async for events in self.retrieval.run():
            assert events
            self.events += events
        assert conversation.outstanding == 0
        return self

    @property
    def mail(self) -> bytes | None:
        return mails_in(self.events).get(UID)

    @property
    def refusal(self) -> MailRefused:
        (refused,) = (event for event in self.events if isinstance(event, MailRefused))
        return refused

    @property
    def obeys(self) -> bool | None:
        assert self.retrieval is not None
        return self.retrieval.obeys

    @property
    def is_read(self) -> bool:
        assert self.retrieval is not None
        return self.retrieval.is_read


@given(st.integers(0, 4500), st.sampled_from([0, 1, 77, 999]))
async def test_a_mail_of_any_size_comes_whole_whatever_the_pieces(size: int, octets: int) -> None:
    run = await Run(Server(MAIL[:size], octets=octets))()
    if size:
        assert run.mail == MAIL[:size]
        assert run.obeys
    assert run.is_read == bool(size)
    assert not run.server.conversations[1:]


async def test_only_one_part_is_asked_for_until_the_server_has_shown_that_it_obeys() -> None:
    server = Server(MAIL[:2500])
    run = await Run(server)()
    assert run.mail == MAIL[:2500]
    assert server.asked == [(0, PART), (1000, PART), (2000, PART)]
    stream = server.conversations[0].wire
    assert isinstance(stream, AnsweringStream)
    writes = [write.count(b"BODY.PEEK") for write in stream.writes[1:]]
    assert writes == [1, 2]


async def test_where_the_last_part_is_full_the_end_is_asked_for() -> None:
    server = Server(MAIL[:2000])
    assert (await Run(server)()).mail == MAIL[:2000]
    assert server.asked[-1] == (2000, PART)


@pytest.mark.parametrize("listed", [1, 2400, 2600, 9000])
async def test_the_listed_size_is_for_planning_only(listed: int) -> None:
    assert (await Run(Server(MAIL[:2500], size=listed))()).mail == MAIL[:2500]


@pytest.mark.parametrize("octets", [0, 100])
async def test_a_server_that_sends_less_at_a_time_is_asked_for_the_rest(octets: int) -> None:
    server = Server(says=lambda origin, _: part(origin, MAIL[origin : origin + 700]), octets=octets)
    assert (await Run(server)()).mail == MAIL


@pytest.mark.parametrize("size", [200, 2500])
@pytest.mark.parametrize("name", [b"BODY[]", b"BODY[]<0>"])
async def test_a_server_that_sends_the_whole_mail_is_believed_and_asked_for_no_more_parts(
    size: int, name: bytes
) -> None:
    mail = MAIL[:size]
    server = Server(mail, says=lambda *_: b"* 1 FETCH (UID 7 %s {%d}\r\n%s)\r\n" % (name, size, mail))
    run = await Run(server)()
    assert run.mail == mail
    assert server.asked == [(0, PART)]
    assert run.obeys == (name == b"BODY[]<0>" and size < PART)


@pytest.mark.parametrize("octets", [100, PART])
async def test_a_part_that_does_not_say_where_it_begins_is_dropped(octets: int) -> None:
    server = Server(says=lambda *_: b"* 1 FETCH (UID 7 BODY[] {%d}\r\n%s)\r\n" % (octets, MAIL[:octets]))
    run = await Run(server)()
    assert run.events == []
    assert run.obeys is False
    assert not run.is_read


@pytest.mark.parametrize("octets", [100, 1500])
async def test_a_part_of_another_beginning_is_dropped(octets: int) -> None:
    run = await Run(Server(says=lambda *_: part(5, MAIL[5 : 5 + octets])))()
    assert (run.events, run.obeys, run.is_read) == ([], False, False)


@pytest.mark.parametrize("end", [b"OK done", b"NO [SERVERBUG] what", b"BAD what is this"])
async def test_where_nothing_comes_at_all_the_mail_is_left_to_a_whole_reading(end: bytes) -> None:
    run = await Run(Server(says=lambda *_: b"", ends={0: end}))()
    assert (run.events, run.is_read) == ([], False)


async def test_a_refusal_in_the_middle_refuses_the_mail() -> None:
    says: Says = lambda origin, _: b"" if origin == 2000 else None  # noqa: E731
    run = await Run(Server(says=says, ends={2000: b"NO [UNAVAILABLE] disk"}))()
    assert isinstance(run.refusal.error, SourceBusy)
    assert run.refusal.body_came
    assert run.mail is None
    assert run.is_read


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("answer", [b"", b"* 1 FETCH (UID 7 BODY[]<2000> NIL)\r\n", part(2000, b"")])
async def test_nothing_in_the_middle_is_not_taken_for_the_end(answer: bytes, is_there: bool) -> None:
    says: Says = lambda origin, _: answer if origin == 2000 else None  # noqa: E731
    run = await Run(Server(says=says, is_there=is_there))()
    assert isinstance(run.refusal.error, OutOfStep)
    assert run.refusal.body_came
    assert run.mail is None


async def test_a_mail_that_went_after_a_short_part_is_not_taken_for_whole() -> None:
    run = await Run(Server(MAIL[:2500], size=2600, is_there=False))()
    assert isinstance(run.refusal.error, OutOfStep)
    assert run.refusal.body_came
    assert run.mail is None


@pytest.mark.parametrize("wrong", [part(1500, MAIL[1500:2000]), part(1000, MAIL[1000:2500])])
async def test_another_part_than_was_asked_for_ends_the_session(wrong: bytes) -> None:
    run = Run(Server(says=lambda origin, _: wrong if origin == 1000 else None))
    with pytest.raises(OutOfStep) as caught:
        await run()
    assert caught.value.entry == run.entry
    assert run.mail is None


async def test_a_part_that_is_longer_than_it_says_ends_the_session() -> None:
    wrong = b"* 1 FETCH (UID 7 BODY[]<1000> {400}\r\n%s)\r\n" % MAIL[1000:2000]
    with pytest.raises(OutOfStep):
        await Run(Server(says=lambda origin, _: wrong if origin == 1000 else None))()


async def test_uids_may_stand_behind_the_octets() -> None:
    def says(origin: int, octets: int) -> bytes:
        data = MAIL[origin : origin + octets]
        return b"* 1 FETCH (BODY[]<%d> {%d}\r\n%s UID 7)\r\n" % (origin, len(data), data)

    assert (await Run(Server(says=says))()).mail == MAIL


async def test_parts_without_a_uid_are_told_apart_by_their_beginning() -> None:
    def says(origin: int, octets: int) -> bytes:
        data = MAIL[origin : origin + octets]
        return b"* 1 FETCH (BODY[]<%d> {%d}\r\n%s)\r\n" % (origin, len(data), data)

    assert (await Run(Server(says=says))()).mail == MAIL


async def test_the_limit_holds_for_all_parts_together() -> None:
    run = Run(Server(), most=2500)
    with pytest.raises(LimitExceeded) as caught:
        await run()
    assert caught.value.entry == run.entry


async def test_a_notice_in_place_of_a_mail_is_refused() -> None:
    run = await Run(Server(NOTICE, size=5000))()
    assert "sent a notice in its place" in str(run.refusal.error)


@given(st.lists(st.integers(2 * PART + 600, 6000), max_size=MOST_REOPENINGS), st.sampled_from([0, 50, 333]))
async def test_a_new_session_goes_on_where_the_connection_broke(cuts: list[int], octets: int) -> None:
    server = Server(cuts=cuts, octets=octets)
    run = await Run(server)()
    assert run.mail == MAIL
    assert [type(event) for event in run.events].count(MailStarted) == 1


async def test_a_line_that_breaks_within_a_part_again_is_given_up() -> None:
    server = Server(cuts=[2600, 2000])
    with pytest.raises(ConnectionLost):
        await Run(server, reopens=True)()
    assert len(server.conversations) == 2


async def test_a_line_that_always_breaks_is_given_up() -> None:
    server = Server(MAIL * 5, cuts=[3000] * 20)
    with pytest.raises(ConnectionLost):
        await Run(server)()
    assert len(server.conversations) == MOST_REOPENINGS + 1


async def test_before_the_first_part_is_whole_no_new_session_is_opened() -> None:
    server = Server(cuts=[700])
    with pytest.raises(ConnectionLost):
        await Run(server)()
    assert len(server.conversations) == 1


@pytest.mark.parametrize("change", ["size", "beginning"])
async def test_another_mail_under_the_uid_is_not_put_behind_the_octets_of_the_first(change: str) -> None:
    server = Server(cuts=[2600])
    run = Run(server)

    def changed(mail: bytes) -> None:
        server.mail = mail
        server.size = len(mail)

    original = server.connect

    async def connect() -> Conversation:
        if server.conversations:
            changed(MAIL + b"x" if change == "size" else b"X" + MAIL[1:])
        return await original()

    server.connect = connect  # type: ignore[method-assign]
    with pytest.raises(ConnectionLost):
        await run()
    assert run.mail is None
    assert len(server.conversations) == 2


async def test_a_new_session_that_cannot_be_opened_is_told_with_the_loss() -> None:
    server = Server(cuts=[2600])
    conversation = await server.connect()

    async def reopen() -> None:
        raise SourceRefused("no more logins")

    entry = Listed("0000000007", 1, server.size)
    with pytest.raises(ConnectionLost, match="no more logins"):
        async for _ in PartRetrieval(conversation, entry, UID, PART, 100_000, reopen).run():
            pass


async def test_where_no_session_can_be_opened_the_loss_is_raised() -> None:
    with pytest.raises(ConnectionLost):
        await Run(Server(cuts=[2600]), reopens=False)()


async def test_what_the_server_says_as_it_hangs_up_is_not_overridden() -> None:
    says: Says = lambda origin, _: b"* BYE [UNAVAILABLE] later\r\nx" if origin == 2000 else None  # noqa: E731
    server = Server(says=says)
    with pytest.raises((SourceBusy, SourceViolation)):
        await Run(server)()
    assert len(server.conversations) == 1
