"""Lines that are no answers, behind a mail's end and before the answer to DELE or QUIT (field note 37)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, MailWhole
from shared.model.source_errors import OutOfStep, SourceRefused, SourceViolation
from shared.net.errors import ConnectionLost
from shared.pop3 import commands
from shared.pop3.commands import State
from shared.pop3.connection import MOST_UNREADABLE, Pop3Connection
from shared.pop3.events import Broken, Event, Reply, Unanswered, Unreadable
from shared.pop3.limits import Limits, Options, Timeouts
from tests.fakes.pop3_server import HANG_UP, FakeSession, Pop3Server

MAILS = [(f"uid{n}", b"mail %d\r\n" % n) for n in range(1, 6)]
NOISE = [b"\r\n", b"   \r\n", b"\n", b"ok, I did that\r\n", b"\0\xff\r\n", b"\r\n\r\n\r\n"]
IN_STEP = [True, False]

Alter = Callable[[bytes], bytes]


@pytest.fixture
async def server() -> AsyncIterator[Pop3Server]:
    async with Pop3Server({"bob": list(MAILS)}) as running:
        yield running


async def opened(server: Pop3Server, *, pipelining: bool = True, whole: int = 1000) -> Pop3Mailbox:
    options = Options(pipelining=pipelining, limits=Limits(whole=whole), timeouts=Timeouts(inactivity=5.0))
    return await open_pop3(Endpoint("127.0.0.1", server.port), "bob", "secret", options=options)


async def read(mailbox: Pop3Mailbox, entries: Sequence[Listed], got: dict[str, bytes]) -> None:
    async for events in mailbox.retrieve(entries):
        got |= {event.entry.uid: event.data for event in events if isinstance(event, MailWhole)}


@pytest.mark.parametrize("pipelining", IN_STEP)
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("which", ["DELE", "DELE 1", "DELE 3", "DELE 5"])
async def test_lines_before_the_answer_to_dele_cost_no_deletion(
    server: Pop3Server, which: str, noise: bytes, pipelining: bool
) -> None:
    server.altered[which] = lambda answer: noise + answer
    mailbox = await opened(server, pipelining=pipelining)
    entries = (await mailbox.listing()).entries
    assert await mailbox.delete(entries) == list(entries)
    await mailbox.finish()
    assert server.deleted("bob") == [uid for uid, _ in MAILS]
    assert mailbox.remarks == ()


@pytest.mark.parametrize("pipelining", IN_STEP)
@pytest.mark.parametrize("which", ["DELE 1", "DELE 3", "DELE 5"])
async def test_a_deletion_without_a_readable_answer_costs_no_other_one(
    server: Pop3Server, which: str, pipelining: bool
) -> None:
    server.behaviours[which] = b"what was that?\r\n"
    mailbox = await opened(server, pipelining=pipelining)
    entries = (await mailbox.listing()).entries
    assert len(await mailbox.delete(entries)) == 4
    await mailbox.finish()
    assert len(server.deleted("bob")) == 4
    assert f"uid{which[-1]}" not in server.deleted("bob")
    (remark,) = mailbox.remarks
    assert "did not readably answer the deletion of 1 mails" in remark


async def test_deletions_of_which_none_is_answered_readably_become_real_with_quit(server: Pop3Server) -> None:
    server.altered["DELE"] = lambda _: b"\r\n"
    mailbox = await opened(server)
    entries = (await mailbox.listing()).entries
    assert await mailbox.delete(entries) == []
    await mailbox.finish()
    assert server.deleted("bob") == [uid for uid, _ in MAILS]


@pytest.mark.parametrize("pipelining", IN_STEP)
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("whole", [1, 1000])
@pytest.mark.parametrize("which", ["RETR", "RETR 1", "RETR 3", "RETR 5"])
async def test_lines_behind_a_mail_cost_neither_it_nor_the_next_nor_a_deletion(
    server: Pop3Server, which: str, whole: int, noise: bytes, pipelining: bool
) -> None:
    server.altered[which] = lambda answer: answer + noise
    mailbox = await opened(server, pipelining=pipelining, whole=whole)
    entries = (await mailbox.listing()).entries
    await mailbox.delete(entries[3:4])
    left = [*entries[:3], *entries[4:]]
    got: dict[str, bytes] = {}
    async for events in mailbox.retrieve(left):
        for event in events:
            data = getattr(event, "data", None)
            if data is not None:
                got[event.entry.uid] = got.get(event.entry.uid, b"") + data
    assert got == {uid: mail for uid, mail in MAILS if uid != "uid4"}
    assert await mailbox.delete(left) == left
    await mailbox.finish()
    assert sorted(server.deleted("bob")) == [uid for uid, _ in MAILS]


@pytest.mark.parametrize("pipelining", IN_STEP)
async def test_a_line_in_place_of_a_mail_hands_no_mail_out_under_the_name_of_another(
    server: Pop3Server, pipelining: bool
) -> None:
    server.behaviours["RETR 2"] = b"no such thing\r\n"
    mailbox = await opened(server, pipelining=pipelining)
    entries = (await mailbox.listing()).entries
    got: dict[str, bytes] = {}
    with pytest.raises(OutOfStep):
        await read(mailbox, entries, got)
    assert got.items() <= dict(MAILS[:1]).items()
    await mailbox.abort()


@pytest.mark.parametrize("rest", [b"\r\nafter\r\n", b"after\r\n", b"", b"-ERR no\r\n"])
async def test_the_rest_of_a_mail_that_was_cut_is_never_taken_for_noise(
    server: Pop3Server, rest: bytes
) -> None:
    """The size in the listing is too small, so that it does not show that the mail was cut."""
    server.behaviours["LIST"] = b"+OK\r\n1 3\r\n2 8\r\n.\r\n"
    server.behaviours["RETR 1"] = b"+OK\r\nbefore\r\n.\r\n" + rest + b".\r\n"
    mailbox = await opened(server)
    entries = (await mailbox.listing()).entries[:2]
    got: dict[str, bytes] = {}
    with pytest.raises(MailferryError):
        await read(mailbox, entries, got)
    assert got == {}
    await mailbox.abort()


@pytest.mark.parametrize("noise", NOISE)
async def test_lines_before_the_answer_to_quit_leave_it_what_it_is(server: Pop3Server, noise: bytes) -> None:
    server.behaviours["QUIT"] = noise + b"-ERR some deleted messages not removed\r\n"
    mailbox = await opened(server)
    await mailbox.delete((await mailbox.listing()).entries)
    with pytest.raises(SourceRefused, match="not removed"):
        await mailbox.finish()
    await mailbox.abort()


@pytest.mark.parametrize("answer", [HANG_UP, "empty line"])
@pytest.mark.parametrize("deletes", [True, False])
async def test_hanging_up_at_quit_is_a_failure_only_where_something_was_to_be_deleted(
    server: Pop3Server, deletes: bool, answer: object
) -> None:
    def hang_up(session: FakeSession, _: str) -> bytes:
        session.hang_up()
        return b"" if answer is HANG_UP else b"\r\n"

    server.behaviours["QUIT"] = hang_up
    mailbox = await opened(server)
    entries = (await mailbox.listing()).entries
    await mailbox.delete(entries[:1] if deletes else [])
    if deletes:
        with pytest.raises(ConnectionLost):
            await mailbox.finish()
    else:
        await mailbox.finish()
    await mailbox.abort()


async def test_a_listing_with_lines_that_are_no_answers_is_not_believed(server: Pop3Server) -> None:
    mailbox = await opened(server)
    await mailbox.delete((await mailbox.listing()).entries[:1])
    server.altered["STAT"] = lambda answer: b"\r\n" + answer
    with pytest.raises(SourceViolation):
        await mailbox.listing()
    await mailbox.abort()


def tolerant() -> Pop3Connection:
    core = Pop3Connection("pop.example:110", Limits())
    core.receive_data(b"+OK hello\r\n")
    for command in (commands.user("bob"), commands.password("secret")):
        core.send_command(command)
        core.receive_data(b"+OK\r\n")
    core.tolerates_noise = True
    return core


def test_endless_noise_ends_the_session() -> None:
    core = tolerant()
    core.send_command(commands.dele(1))
    events = core.receive_data(b"\r\n" * (MOST_UNREADABLE + 10))
    assert [type(event) for event in events] == [*[Unreadable] * MOST_UNREADABLE, Broken]


def test_an_answer_that_is_recognised_shows_which_commands_got_none() -> None:
    core = tolerant()
    for command in (commands.dele(1), commands.dele(2), commands.SYNC):
        core.send_command(command)
    noise, unanswered, *replies = core.receive_data(b"rubbish\r\n+OK gone\r\n+OK 3 120\r\n")[:4]
    assert isinstance(noise, Unreadable)
    assert unanswered == Reply(commands.dele(1), True, "", b"gone")
    assert replies == [Unanswered(commands.dele(2)), Reply(commands.SYNC, True, "", b"3 120")]
    assert (core.outstanding, core.in_doubt) == (0, False)


def test_without_noise_no_answer_is_taken_for_a_later_one() -> None:
    core = tolerant()
    core.send_command(commands.dele(1))
    core.send_command(commands.SYNC)
    assert core.receive_data(b"+OK 1 2\r\n") == [Reply(commands.dele(1), True, "", b"1 2")]
    assert core.outstanding == 1


def outcome(core: Pop3Connection, pieces: Sequence[bytes]) -> list[str]:
    events: list[Event] = []
    for piece in pieces:
        if core.state is State.BROKEN:
            break
        events += core.receive_data(piece)
    return [str(getattr(event, "error", getattr(event, "violation", event))) for event in events]


ANSWERS = st.lists(
    st.sampled_from([b"+OK\r\n", b"-ERR no\r\n", b"+OK 3 120\r\n", *NOISE, b".\r\n"]), max_size=8
)


@settings(deadline=None)
@given(ANSWERS.map(b"".join), st.integers(1, 30))
def test_noise_in_any_pieces_is_the_same_to_the_last_octet_and_what_trails(stream: bytes, size: int) -> None:
    results = []
    for step in (max(len(stream), 1), 1, size):
        core = tolerant()
        for number in range(4):
            core.send_command(commands.dele(number + 1))
        core.send_command(commands.SYNC)
        results.append(outcome(core, [stream[at : at + step] for at in range(0, len(stream), step)]))
    assert results[0] == results[1] == results[2]


PLACES = st.dictionaries(
    st.sampled_from([f"{verb} {n}" for verb in ("RETR", "DELE") for n in range(1, 6)]),
    st.tuples(st.sampled_from(["before", "behind", "instead", "refused"]), st.sampled_from(NOISE)),
    max_size=4,
)


def altering(where: str, noise: bytes) -> Alter:
    return {
        "before": lambda answer: noise + answer,
        "behind": lambda answer: answer + noise,
        "instead": lambda _: noise,
        "refused": lambda _: b"-ERR no\r\n" + noise,
    }[where]


async def carried(places: dict[str, tuple[str, bytes]], *, pipelining: bool, stuffs: bool) -> None:
    """Read all mails and delete what came; what came is what the server has, and no other mail is deleted."""
    mails = [(f"uid{n}", b"mail %d\r\n.\r\n+OK\r\n" % n + b"x" * n + b"\r\n") for n in range(1, 6)]
    async with Pop3Server({"bob": list(mails)}) as server:
        if not stuffs:
            server.behaviours["RETR"] = lambda session, line: b"+OK\r\n" + session.mail(line) + b".\r\n"
        for command, (where, noise) in places.items():
            server.altered[command] = altering(where, noise)
        options = Options(pipelining=pipelining, timeouts=Timeouts(inactivity=0.3))
        mailbox = await open_pop3(Endpoint("127.0.0.1", server.port), "bob", "secret", options=options)
        entries = (await mailbox.listing()).entries
        got: dict[str, bytes] = {}
        try:
            await read(mailbox, entries, got)
            await mailbox.delete([entry for entry in entries if entry.uid in got])
            await mailbox.finish()
        except MailferryError:
            pass
        await mailbox.abort()
        assert got.items() <= dict(mails).items()
        assert set(server.deleted("bob")) <= got.keys()


@settings(deadline=None, max_examples=60)
@given(PLACES, st.booleans(), st.booleans())
def test_with_noise_anywhere_only_whole_mails_are_handed_out_and_only_they_are_deleted(
    places: dict[str, tuple[str, bytes]], pipelining: bool, stuffs: bool
) -> None:
    asyncio.run(carried(places, pipelining=pipelining, stuffs=stuffs))
