"""Reading from servers that say anything at all: what is handed out is right, or it is not handed out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from shared.model.errors import MailferryError
from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from shared.pop3 import commands
from shared.pop3.connection import Pop3Connection
from shared.pop3.conversation import Conversation
from shared.pop3.events import Body, BodyData, BodyEnded, BodyStarted, Event
from shared.pop3.limits import Limits, PipelineWindow
from shared.pop3.retrieval import Retrieval
from shared.pop3.server_quirks import ServerQuirks
from tests.fakes.mails import corpus_mails
from tests.fakes.pop3_server import stuffed
from tests.fakes.scripted import ScriptedWire

SERVER = "pop.example:110"
FRAGMENTS = [b".", b"..", b"\r\n", b"\n", b"\r", b"a", b"\0\xff"]
FRAGMENTS += [b"+OK\r\n", b"-ERR no\r\n", b"\r\n.\r\n", b"+OK 1 guessed\r\n"]
TEXT = st.lists(st.sampled_from(FRAGMENTS), max_size=10).map(b"".join)
SMALL = Limits(line=200, whole=24, mail=5000)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


class AnsweringWire(ScriptedWire):
    """Answers each RETR with what is scripted for it, in pieces, and UIDL of one mail as it should be."""

    def __init__(self, answers: Sequence[bytes], piece: int) -> None:
        super().__init__([b"+OK hello\r\n"])
        self._answers = answers
        self._piece = piece

    @override
    def write(self, data: bytes) -> None:
        said = b""
        for line in data.decode("ascii").splitlines():
            verb, _, argument = line.partition(" ")
            if verb == "RETR":
                said += self._answers[int(argument) - 1]
            else:
                said += b"+OK %s u%s\r\n" % (argument.encode(), argument.encode())
        self._script += pieces(said, self._piece)


async def handed_out(
    answers: Sequence[bytes],
    sizes: Sequence[int],
    *,
    piece: int,
    window: PipelineWindow | None,
    cut: Sequence[str] = (),
) -> dict[int, bytes]:
    """The mails that came whole, by number, from a server that answers RETR with these."""
    conversation = Conversation(AnsweringWire(answers, piece), SERVER, SMALL)
    await conversation.read_greeting()
    for command in (commands.user("bob"), commands.password("secret")):
        await conversation.execute(command)
    entries = [Listed(f"u{number}", number, size) for number, size in enumerate(sizes, 1)]
    retrieval = Retrieval(conversation, entries, window, ServerQuirks(SERVER), cut)
    whole: dict[int, bytes] = {}
    parts: dict[int, list[bytes]] = {}
    with contextlib.suppress(MailferryError):
        async for events in retrieval.run():
            for event in events:
                take(event, whole, parts)
    return whole


def take(event: RetrieveEvent, whole: dict[int, bytes], parts: dict[int, list[bytes]]) -> None:
    number = event.entry.number
    match event:
        case MailWhole(data=data):
            assert number not in whole
            whole[number] = data
        case MailStarted():
            parts[number] = []
        case MailBytes(data=data):
            parts[number].append(data)
        case MailEnded(octets=octets):
            assert number not in whole
            whole[number] = b"".join(parts.pop(number))
            assert len(whole[number]) == octets
        case MailRefused():
            parts.pop(number, None)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 40), st.booleans())
@example([b".+OK\r\n..\r\n.\r\n+OK\r\n\0\xff", b"."], 1, False)
@example([b".a\r\n..\r\n.\r\n+OK\r\n\n", b"."], 40, True)
def test_a_server_that_does_not_stuff_dots_has_no_mail_handed_out_cut(
    mails: list[bytes], piece: int, pipelined: bool
) -> None:
    """Whatever the mails are made of, even what looks like answers; it does not know the proof."""
    lines = [mail if mail.endswith(b"\r\n") or not mail else mail + b"\r\n" for mail in mails]
    answers = [b"+OK\r\n" + mail + b".\r\n" for mail in lines]
    window = PipelineWindow() if pipelined else None
    whole = asyncio.run(handed_out(answers, [len(mail) for mail in lines], piece=piece, window=window))
    for number, mail in whole.items():
        assert len(mail) == len(lines[number - 1]) or b"\r\n.." in b"\r\n" + lines[number - 1]
        assert mail.replace(b".", b"") == lines[number - 1].replace(b".", b"")


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 40), st.booleans())
def test_a_server_that_keeps_to_the_standard_has_all_mails_handed_out_as_they_are(
    mails: list[bytes], piece: int, pipelined: bool
) -> None:
    answers = [b"+OK\r\n" + stuffed(mail) for mail in mails]
    window = PipelineWindow() if pipelined else None
    whole = asyncio.run(handed_out(answers, [len(mail) for mail in mails], piece=piece, window=window))
    carried = [mail + b"\r\n" if mail and not mail.endswith(b"\r\n") else mail for mail in mails]
    assert whole == dict(enumerate(carried, 1))


@settings(deadline=None)
@given(TEXT, st.integers(1, 40))
def test_a_mail_read_by_its_size_is_handed_out_as_it_is_or_not_at_all(mail: bytes, piece: int) -> None:
    ended = mail + (b"" if mail.endswith(b"\r\n") or not mail else b"\r\n") + b".\r\n"
    right = [b"+OK\r\n" + ended]
    assert asyncio.run(handed_out(right, [len(mail)], piece=piece, window=None, cut=["u1"])) == {1: mail}
    wrong = asyncio.run(handed_out(right, [len(mail) + 1], piece=piece, window=None, cut=["u1"]))
    assert wrong == {}


@settings(deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 100), min_size=1, max_size=4), st.integers(1, 50))
def test_garbage_is_an_error_of_ours_and_nothing_else(garbage: bytes, sizes: list[int], piece: int) -> None:
    for cut in ((), ("u1",)):
        answers = [b"+OK\r\n" + garbage, *[garbage] * 3]
        whole = asyncio.run(handed_out(answers, sizes, piece=piece, window=PipelineWindow(), cut=cut))
        assert set(whole) <= set(range(1, len(sizes) + 1))


def received(stream: bytes, size: int) -> list[Event]:
    """What the core makes of the answer to RETR in pieces of `size`."""
    core = Pop3Connection(SERVER, Limits(whole=1000))
    core.receive_data(b"+OK hello\r\n")
    for command in (commands.user("bob"), commands.password("secret")):
        core.send_command(command)
        core.receive_data(b"+OK\r\n")
    core.send_command(commands.retr(1))
    return [event for piece in pieces(stream, size) for event in core.receive_data(piece)]


@pytest.mark.parametrize("path", corpus_mails())
def test_real_mails_come_out_as_they_went_in_octet_by_octet_too(path: Path) -> None:
    mail = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    carried = mail if mail.endswith(b"\r\n") or not mail else mail + b"\r\n"
    stream = b"+OK\r\n" + stuffed(mail)
    for size in (1, 7, 4096, len(stream)):
        if size == 1 and len(stream) > 100_000:
            continue
        events = received(stream, size)
        assert isinstance(events[-1], Body | BodyEnded)
        assert isinstance(events[0], Body | BodyStarted)
        assert b"".join(event.data for event in events if isinstance(event, Body | BodyData)) == carried
