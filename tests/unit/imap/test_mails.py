"""Bodies: whose they are, how large they may be, and where they end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.imap import mail_commands
from shared.imap.commands import Command
from shared.imap.errors import BodyCut, BodyTooLarge
from shared.imap.events import BodyData, BodyStarted, Broken, Event, Exists, Fetched, Gone, Reply
from shared.imap.status_lines import Condition
from shared.imap.uid_set import UidSet
from shared.model.mailbox import Meter
from shared.model.source_errors import LimitExceeded, ListingPutOff, SourceViolation
from tests.unit.imap.cores import SMALL, Session, alike, fed, selected

ONE = mail_commands.fetch_mails(UidSet.of([5]))
MAILS = mail_commands.fetch_mails(UidSet.of([5, 6]))
HEADERS = mail_commands.fetch_headers(UidSet.of([5, 6]))
SIZES = mail_commands.fetch_items(UidSet.span(1), {"RFC822.SIZE"})
LARGE = b"x" * 17


def asked(*sent: Command) -> Session:
    session = selected(SMALL)
    for command in sent:
        session.send(command)
    return session


def broken(events: list[Event]) -> Broken:
    last = events[-1]
    assert isinstance(last, Broken)
    return last


def test_a_mail_over_the_limit_comes_in_pieces_and_a_smaller_one_whole() -> None:
    stream = b"* 1 FETCH (UID 5 BODY[] {17}\r\n%s)\r\n* 2 FETCH (UID 6 BODY[] {16}\r\n%s)\r\n" % (
        LARGE,
        b"y" * 16,
    )
    assert alike(lambda: asked(MAILS), stream) == [
        BodyStarted(5, "", None, 17),
        BodyData(LARGE),
        Fetched(MAILS, 5, octets=17),
        Fetched(MAILS, 6, octets=16, body=b"y" * 16),
    ]


def test_a_large_mail_whose_uid_comes_behind_it() -> None:
    stream = b"* 1 FETCH (BODY[] {17}\r\n%s UID 6 FLAGS ())\r\n" % LARGE
    assert alike(lambda: asked(MAILS), stream) == [
        BodyStarted(None, "", None, 17),
        BodyData(LARGE),
        Fetched(MAILS, 6, flags=frozenset(), octets=17),
    ]


def test_what_looks_like_an_answer_within_a_mail_is_mail() -> None:
    mail = b"x71 OK\r\n* BYE\r\n)\r\n"
    stream = b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%s)\r\n$1 OK\r\n" % (len(mail), mail)
    assert alike(lambda: asked(ONE), stream)[-2:] == [
        Fetched(ONE, 5, octets=len(mail), body=None if len(mail) > 16 else mail),
        Reply(ONE, Condition.OK),
    ]


@pytest.mark.parametrize(
    "stream",
    [
        b"* 1 FETCH (UID 7 BODY[] {3}\r\nabc)\r\n",
        b"* 1 FETCH (FLAGS () UID 7 BODY[] {3}\r\n",
        b"* 1 FETCH (UID 7 BODY[] {17}\r\n" + LARGE + b")\r\n",
        b"* 1 FETCH (UID 5 BODY[TEXT] {3}\r\nabc)\r\n",
        b"* 1 FETCH (UID 5 BODY[HEADER] {3}\r\nabc)\r\n",
        b"* 1 FETCH (UID 0 BODY[] {3}\r\nabc)\r\n",
        b"* 1 FETCH (BODY[] {3}\r\nabc)\r\n",
        b"* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\n",
        b'* 1 FETCH (BODY[] "abc" UID 7)\r\n',
        b"* 1 FETCH (UID 5 BODY[] {1}\r\nx)\r\n* 1 FETCH (UID 5 BODY[] {1}\r\ny)\r\n",
    ],
)
def test_a_mail_that_nobody_asked_for_is_a_violation(stream: bytes) -> None:
    last = alike(lambda: asked(MAILS, SIZES), stream)[-1]
    assert isinstance(last, tuple)
    assert last[0] is SourceViolation


def test_a_mail_without_any_fetch_outstanding_is_a_violation() -> None:
    session = asked(ONE)
    session.receive(b"$1 OK\r\n")
    assert isinstance(
        broken(session.receive(b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n")).error, SourceViolation
    )


def test_without_uid_the_last_mail_that_is_outstanding_is_known() -> None:
    stream = b"* 2 FETCH (UID 6 BODY[] {1}\r\nb)\r\n* 1 FETCH (BODY[] {1}\r\na)\r\n"
    assert alike(lambda: asked(MAILS), stream) == [
        Fetched(MAILS, 6, octets=1, body=b"b"),
        Fetched(MAILS, 5, octets=1, body=b"a"),
    ]


def test_headers_and_mails_are_told_apart() -> None:
    stream = b"* 1 FETCH (UID 5 BODY[HEADER] {1}\r\nh)\r\n* 1 FETCH (UID 5 BODY[] {1}\r\nb)\r\n"
    assert alike(lambda: asked(MAILS, HEADERS), stream) == [
        Fetched(HEADERS, 5, octets=1, body=b"h"),
        Fetched(MAILS, 5, octets=1, body=b"b"),
    ]


def test_parts_go_to_the_command_that_asked_for_their_origin() -> None:
    first, second = (mail_commands.fetch_range(5, origin, 4) for origin in (0, 4))
    stream = b"* 1 FETCH (UID 5 BODY[]<4> {1}\r\nb)\r\n* 1 FETCH (UID 5 BODY[]<0> {4}\r\naaaa)\r\n"
    assert alike(lambda: asked(first, second), stream) == [
        Fetched(second, 5, origin=4, octets=1, body=b"b"),
        Fetched(first, 5, origin=0, octets=4, body=b"aaaa"),
    ]


def test_a_server_that_ignores_the_range_shows_it_by_the_missing_origin() -> None:
    part = mail_commands.fetch_range(5, 4, 4)
    assert alike(lambda: asked(part), b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n") == [
        Fetched(part, 5, origin=None, octets=3, body=b"abc")
    ]


@pytest.mark.parametrize("behind", [b"abc)\r\n", b"\r\n)\r\n", b"* 2 FETCH"])
@pytest.mark.parametrize(
    ("header", "uid"), [(b"UID 5 BODY[]", 5), (b"BODY[]", 0), (b"UID 5 FLAGS () BODY[]", 5)]
)
@pytest.mark.parametrize("mail", [b"", b"abc", LARGE])
def test_a_mail_that_does_not_end_where_its_size_says_is_cut(
    mail: bytes, header: bytes, uid: int, behind: bytes
) -> None:
    stream = b"* 1 FETCH (%s {%d}\r\n%s%s" % (header, len(mail), mail, behind)
    alike(lambda: asked(ONE), stream)
    events = asked(ONE).receive(stream)
    error = broken(events).error
    assert isinstance(error, BodyCut)
    assert error.uid == uid
    assert not any(isinstance(event, Fetched) for event in events)


@pytest.mark.parametrize("header", [b"UID 5 BODY[]", b"UID 5 FLAGS () BODY[]"])
@pytest.mark.parametrize("octets", [1001, 99_999_999_999, 10**18])
def test_a_mail_above_the_limit_is_refused_before_an_octet_of_it_is_read(header: bytes, octets: int) -> None:
    events = asked(ONE).receive(b"* 1 FETCH (%s {%d}\r\n" % (header, octets))
    error = broken(events).error
    assert isinstance(error, BodyTooLarge)
    assert error.uid == 5
    assert len(events) == 1


LIMITS = {
    "line": b"* X " + b"a" * 197 + b"\r\n",
    "line without an end": b"* X " + b"a" * 400,
    "literal": b"* X {61}\r\n",
    "answer": b"* X" + (b" {60}\r\n" + b"a" * 60) * 8,
    "literals of nothing": b"* X" + b" {0}\r\n" * 1000,
    "digits of a length": b"* X {%s}\r\n" % (b"0" * 30),
    "digits of the length of a mail": b"* 1 FETCH (UID 5 BODY[] {%s}\r\n" % (b"0" * 30),
    "listing": b"* X aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 200,
}


@pytest.mark.parametrize("stream", LIMITS.values(), ids=LIMITS)
def test_limits(stream: bytes) -> None:
    last = alike(lambda: asked(ONE), stream)[-1]
    assert isinstance(last, tuple)
    assert last[0] is LimitExceeded


def test_a_line_up_to_the_limit_is_read() -> None:
    assert alike(lambda: asked(ONE), b"* X " + b"a" * 196 + b"\r\n$1 OK\r\n") == [Reply(ONE, Condition.OK)]


def test_each_tagged_line_begins_the_count_of_the_listing_anew() -> None:
    session = selected(SMALL)
    for _ in range(10):
        session.send(SIZES)
        assert len(session.receive(b"* X aaaaaaaaaaaaaa\r\n" * 100 + b"$1 OK\r\n")) == 1
        session.tags.clear()


class SparingMeter(Meter):
    """Counts what is listed and has memory for 200 octets."""

    def __init__(self) -> None:
        self.octets = 0

    def listed(self, octets: int, lines: int) -> None:
        self.octets += octets
        if self.octets > 200:
            raise ListingPutOff("no memory to spare")


def test_the_meter_is_told_of_listings_but_not_of_mails_and_may_end_the_session() -> None:
    meter = SparingMeter()
    session = selected(replace(SMALL, meter=meter))
    meter.octets = 0
    session.send(ONE)
    session.send(SIZES)
    assert len(session.receive(b"* 1 FETCH (UID 5 BODY[] {900}\r\n" + b"x" * 900 + b")\r\n")) == 3
    assert meter.octets == 0
    events = session.receive(b"* 1 FETCH (UID 5 RFC822.SIZE 7)\r\n" * 10)
    assert isinstance(broken(events).error, ListingPutOff)
    assert len(events) == 7


def test_large_mails_are_not_held() -> None:
    session = asked(ONE)
    session.receive(b"* 1 FETCH (UID 5 BODY[] {1000}\r\n")
    pieces = [b"a" * 100] * 10
    assert fed(session, pieces) == [BodyData(piece) for piece in pieces]


def test_the_lines_of_a_listing_mean_the_same_in_any_form_and_pieces() -> None:
    usual = (
        b"* 1 FETCH (UID 5 RFC822.SIZE 7)\r\n* 2 EXPUNGE\r\n* 2 FETCH (UID 0 RFC822.SIZE 1)\r\n"
        b"* 3 FETCH (UID 4294967296 RFC822.SIZE 2)\r\n* 4 EXISTS\r\n"
    )
    other = (
        b"* 1 FETCH (RFC822.SIZE 7 UID 5)\r\n* 2 expunge\r\n* 2 FETCH (RFC822.SIZE 1 UID 0)\r\n"
        b"* 3 Fetch (UID 4294967296 RFC822.SIZE 2)\r\n* 4 EXISTS\r\n"
    )
    alike(lambda: asked(SIZES), usual)
    assert asked(SIZES).receive(usual) == asked(SIZES).receive(other)
    assert [type(event) for event in asked(SIZES).receive(usual)] == [Fetched, Gone, Fetched, Fetched, Exists]
