from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.errors import MailferryError
from shared.model.mailbox import Meter
from shared.model.source_errors import LimitExceeded, ListingPutOff, SourceViolation
from shared.net.errors import ConnectionLost, Misused
from shared.pop3 import commands
from shared.pop3.commands import Command, State
from shared.pop3.connection import Pop3Connection
from shared.pop3.events import (
    Body,
    BodyData,
    BodyEnded,
    BodyStarted,
    Broken,
    Challenge,
    Event,
    Greeting,
    Reply,
)
from shared.pop3.limits import Limits
from tests.fakes.pop3_server import stuffed

SERVER = "pop.example:110"
LOGIN = b"+OK hello\r\n+OK\r\n+OK logged in\r\n"
DEFAULT = Limits()
SMALL = Limits(line=64, listing=400, whole=16, mail=1000)


def logged_in(limits: Limits = DEFAULT) -> Pop3Connection:
    core = Pop3Connection(SERVER, limits)
    core.receive_data(b"+OK hello\r\n")
    for command in (commands.user("bob"), commands.password("secret")):
        core.send_command(command)
        core.receive_data(b"+OK\r\n")
    assert core.state is State.TRANSACTION
    return core


def merged(events: list[Event]) -> list[Event]:
    """Large answers may be cut anywhere; this makes one piece of them."""
    out: list[Event] = []
    for event in events:
        if isinstance(event, BodyData) and out and isinstance(out[-1], BodyData):
            out[-1] = BodyData(event.command, out[-1].data + event.data)
        else:
            out.append(event)
    return out


def comparable(events: list[Event]) -> list[object]:
    return [str(event.error) if isinstance(event, Broken) else event for event in merged(events)]


def feed(core: Pop3Connection, pieces: list[bytes]) -> list[Event]:
    events: list[Event] = []
    for piece in pieces:
        if core.state is State.BROKEN:
            break
        events += core.receive_data(piece)
    return events


MAIL = st.lists(
    st.sampled_from([b"\r\n", b".", b"Subject: x", b"\n", b"\r", b"\0\xff", b"\r\n.\r\n", b"-ERR\r\n"]),
    max_size=12,
).map(b"".join)
PIPELINE = st.lists(
    st.one_of(
        MAIL.map(lambda mail: (commands.retr(1), b"+OK 12 octets\r\n" + stuffed(mail))),
        st.just((commands.retr(2), b"-ERR [SYS/TEMP] not now\r\n")),
        st.just((commands.dele(3), b"+OK deleted\r\n")),
        st.just((commands.STAT, b"+OK 2 320\r\n")),
        st.just((commands.UIDL, b"+OK\r\n1 a\r\n2 b\r\n.\r\n")),
    ),
    max_size=8,
)


@given(PIPELINE, st.data())
def test_the_same_answers_in_any_pieces_are_the_same_events(
    pipeline: list[tuple[Command, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(answer for _, answer in pipeline)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    bounds = [0, *cuts, len(stream)]
    pieces = [p for p in (stream[a:b] for a, b in pairwise(bounds)) if p]
    by_byte = [stream[i : i + 1] for i in range(len(stream))]
    results = []
    for way in ([stream] if stream else [], by_byte, pieces):
        core = logged_in(SMALL)
        for command, _ in pipeline:
            core.send_command(command)
        results.append(merged(feed(core, way)))
        assert core.outstanding == 0
    assert results[0] == results[1] == results[2]
    ended = [e for e in results[0] if isinstance(e, Body | Reply | BodyEnded)]
    assert [e.command for e in ended] == [command for command, _ in pipeline]


@given(st.binary(max_size=200), st.data())
def test_garbage_becomes_broken_and_never_raises(garbage: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(garbage)))
    results = []
    for pieces in ([garbage], [garbage[:cut], garbage[cut:]], [bytes([b]) for b in garbage]):
        core = logged_in(SMALL)
        for command in (commands.STAT, commands.retr(1), commands.UIDL):
            core.send_command(command)
        events = feed(core, [piece for piece in pieces if piece])
        assert all(isinstance(e.error, MailferryError) for e in events if isinstance(e, Broken))
        assert not any(isinstance(e, Broken) for e in events[:-1])
        results.append(comparable(events))
    assert results[0] == results[1] == results[2]


@given(st.binary(min_size=1, max_size=100))
def test_any_greeting_is_a_greeting_or_broken(garbage: bytes) -> None:
    for event in Pop3Connection(SERVER, SMALL).receive_data(garbage + b"\r\n")[:1]:
        assert isinstance(event, Greeting | Broken)


def test_events_before_a_violation_are_kept() -> None:
    core = logged_in()
    core.send_command(commands.retr(1))
    core.send_command(commands.retr(2))
    whole, broken = core.receive_data(b"+OK\r\nmail\r\n.\r\nrubbish\r\n")
    assert whole == Body(commands.retr(1), b"mail\r\n")
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, SourceViolation)
    assert "pop.example:110" in str(broken.error)
    assert "rubbish" in str(broken.error)
    with pytest.raises(Misused):
        core.receive_data(b"+OK\r\n")


def test_a_mail_over_the_limit_comes_in_pieces_and_a_smaller_one_whole() -> None:
    core = logged_in(SMALL)
    core.send_command(commands.retr(1))
    core.send_command(commands.retr(2))
    events = core.receive_data(b"+OK\r\n" + b"a" * 15 + b"\r\n.\r\n" + b"+OK\r\n" + b"b" * 14 + b"\r\n.\r\n")
    assert events == [
        BodyStarted(commands.retr(1)),
        BodyData(commands.retr(1), b"a" * 15 + b"\r\n"),
        BodyEnded(commands.retr(1), 17),
        Body(commands.retr(2), b"b" * 14 + b"\r\n"),
    ]


def test_an_endless_mail_is_cut_off_at_the_cap() -> None:
    core = logged_in(SMALL)
    core.send_command(commands.retr(1))
    events = feed(core, [b"+OK\r\n", *[b"x" * 30 + b"\r\n"] * 100])
    assert isinstance(events[-1], Broken)
    assert isinstance(events[-1].error, LimitExceeded)


def test_an_endless_listing_is_cut_off_at_the_cap() -> None:
    core = logged_in(SMALL)
    core.send_command(commands.UIDL)
    events = core.receive_data(b"+OK\r\n" + b"1 a\r\n" * 200)
    assert isinstance(events[-1], Broken)
    assert isinstance(events[-1].error, LimitExceeded)


@pytest.mark.parametrize("line", [b"+OK " + b"x" * 100, b"+OK " + b"x" * 100 + b"\r\n"])
def test_an_endless_status_line_is_cut_off_at_the_cap(line: bytes) -> None:
    core = logged_in(SMALL)
    core.send_command(commands.STAT)
    (event,) = core.receive_data(line)
    assert isinstance(event, Broken)
    assert isinstance(event.error, LimitExceeded)


def test_response_codes_are_read_with_their_details_left_out() -> None:
    core = logged_in()
    core.send_command(commands.STAT)
    core.send_command(commands.STAT)
    core.send_command(commands.STAT)
    events = core.receive_data(b"-ERR [in-use] locked\r\n-ERR [LOGIN-DELAY 60] later\r\n-ERR [not a code\r\n")
    assert [(e.code, e.text) for e in events if isinstance(e, Reply)] == [
        ("IN-USE", b"locked"),
        ("LOGIN-DELAY", b"later"),
        ("", b"[not a code"),
    ]


def test_an_exchange_goes_through_challenges_to_the_transaction_state() -> None:
    core = Pop3Connection(SERVER, Limits())
    core.receive_data(b"+OK\r\n")
    auth = commands.auth("LOGIN")
    assert core.send_command(auth) == b"AUTH LOGIN\r\n"
    assert core.receive_data(b"+ VXNlcm5hbWU6\r\n") == [Challenge(auth, b"Username:")]
    with pytest.raises(Misused):
        core.send_command(commands.STAT)
    answer = commands.response(b"bob")
    core.send_command(answer)
    assert core.receive_data(b"+\r\n") == [Challenge(answer, b"")]
    core.send_command(answer)
    core.receive_data(b"+OK\r\n")
    assert core.state is State.TRANSACTION


def test_a_failed_exchange_leads_back_to_authorization() -> None:
    core = Pop3Connection(SERVER, Limits())
    core.receive_data(b"+OK\r\n")
    core.send_command(commands.auth("LOGIN"))
    core.receive_data(b"+ \r\n")
    core.send_command(commands.cancel())
    core.receive_data(b"-ERR cancelled\r\n")
    assert core.state is State.AUTHORIZATION
    core.send_command(commands.user("bob"))


def test_nothing_is_sent_behind_a_command_that_changes_what_follows() -> None:
    core = logged_in()
    core.send_command(commands.dele(1))
    with pytest.raises(Misused):
        core.send_command(commands.QUIT)
    core.receive_data(b"+OK\r\n")
    core.send_command(commands.QUIT)
    with pytest.raises(Misused):
        core.send_command(commands.NOOP)


def test_retr_before_the_login_is_our_defect() -> None:
    core = Pop3Connection(SERVER, Limits())
    core.receive_data(b"+OK\r\n")
    with pytest.raises(Misused):
        core.send_command(commands.retr(1))


def test_bytes_behind_the_consent_to_stls_are_an_attack() -> None:
    core = Pop3Connection(SERVER, Limits())
    core.receive_data(b"+OK\r\n")
    core.send_command(commands.STLS)
    reply, broken = core.receive_data(b"+OK go on\r\n+OK injected\r\n")
    assert reply == Reply(commands.STLS, True, "", b"go on")
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, SourceViolation)
    assert "tamper" in str(broken.error)


def test_the_end_of_the_stream_names_the_answer_that_is_missing() -> None:
    core = logged_in()
    core.send_command(commands.retr(7))
    (event,) = core.receive_data(b"")
    assert isinstance(event, Broken)
    assert isinstance(event.error, ConnectionLost)
    assert str(event.error) == "pop.example:110 closed the connection instead of answering RETR 7."


def test_the_end_of_the_stream_after_quit_is_expected() -> None:
    core = logged_in()
    core.send_command(commands.QUIT)
    core.receive_data(b"+OK bye\r\n")
    assert core.state is State.CLOSED
    assert core.receive_data(b"") == []


def test_an_unasked_err_line_is_the_reason_why_the_session_ends() -> None:
    (event,) = logged_in().receive_data(b"-ERR idle for too long\r\n")
    assert isinstance(event, Broken)
    assert isinstance(event.error, ConnectionLost)
    assert "idle for too long" in str(event.error)


def test_a_secret_that_the_server_echoes_is_in_no_event_and_no_error() -> None:
    core = Pop3Connection(SERVER, Limits(), lambda line: line.replace(b"hunter2", b"****"))
    core.receive_data(b"+OK\r\n")
    core.send_command(commands.user("bob"))
    core.receive_data(b"+OK\r\n")
    core.send_command(commands.password("hunter2"))
    assert "hunter2" not in repr(core.receive_data(b"-ERR what is PASS hunter2?\r\n"))
    core.send_command(commands.password("hunter2"))
    assert "hunter2" not in repr(core.receive_data(b"PASS hunter2?\r\n"))


class Counting(Meter):
    """Has no room for a listing of more than `most` lines."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.lines = 0
        self.octets = 0

    def listed(self, octets: int, lines: int) -> None:
        self.octets += octets
        self.lines += lines
        if self.lines > self.most:
            raise ListingPutOff("no room")


LISTED = b"".join(b"%d 100\r\n" % number for number in range(1, 51))


@pytest.mark.parametrize("portion", [1, 7, 10_000])
def test_the_meter_is_told_of_listings_however_they_arrive_and_of_no_mail(portion: int) -> None:
    meter = Counting()
    core = logged_in(Limits(meter=meter))
    for command, answer in ((commands.LIST, LISTED), (commands.retr(1), b"From: a\r\n\r\nx\r\n")):
        core.send_command(command)
        wire = b"+OK\r\n" + answer + b".\r\n"
        for start in range(0, len(wire), portion):
            core.receive_data(wire[start : start + portion])
    assert (meter.lines, meter.octets) == (50, len(LISTED))


def test_a_listing_for_which_there_is_no_room_ends_the_session_in_its_middle() -> None:
    core = logged_in(Limits(meter=Counting(most=10)))
    core.send_command(commands.LIST)
    events = core.receive_data(b"+OK\r\n" + LISTED)
    assert isinstance(events[-1], Broken)
    assert isinstance(events[-1].error, ListingPutOff)
