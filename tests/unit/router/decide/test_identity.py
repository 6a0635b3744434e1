from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.decide.identity import (
    IdentityHasher,
    Transmission,
    identify,
    read_moment,
    read_transmission,
)
from services.router.header.fields import HEADER_LIMIT, read_header
from shared.model.account import Dedup
from tests.fakes.mails import mail

FIELDS = (
    "Message-ID: <1@sender.example>",
    "Date: Mon, 13 Jan 2025 09:59:58 +0100",
    "From: anna@sender.example",
    "To: bob@firma.de, carol@firma.de",
    "Cc: dave@firma.de",
    "Subject: Angebot",
)
PIECES = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"To: x@y.de",
        b"Date: 1",
        b"Message-ID: <1>",
        b"text",
        b" ",
        b"stray",
        b"\0",
    ]
)


def identity(raw: bytes, dedup: Dedup = Dedup.CONTENT, message: str = "m1") -> str:
    return identify(raw, read_header(raw), dedup, message).own


def streamed(raw: bytes, cuts: list[int], dedup: Dedup) -> str:
    digest = IdentityHasher(dedup, "m1")
    for start, end in pairwise([0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]):
        digest.add_chunk(raw[start:end])
    return digest.identities().own


def replaced(index: int, line: str) -> bytes:
    return mail(*FIELDS[:index], line, *FIELDS[index + 1 :])


ORIGINAL = identity(mail(*FIELDS))


def test_an_identity_is_forty_hexadecimal_digits() -> None:
    assert len(ORIGINAL) == 40
    assert int(ORIGINAL, 16)


@pytest.mark.parametrize(
    "copy",
    [
        mail("Delivered-To: bob@firma.de", "Received: by a", "Return-Path: <x@y.de>", *FIELDS),
        mail(*FIELDS, "X-Spam-Status: No", "Status: RO"),
        mail(*reversed(FIELDS)),
        mail(*FIELDS).replace(b"\r\n", b"\n"),
        mail(*FIELDS).replace(b", carol", b",\r\n\t carol"),
        mail(*FIELDS).replace(b"To: ", b"TO:"),
        mail(*FIELDS, body=b"Hallo"),
        mail(*FIELDS, body=b"Hallo\r\n\r\n\n"),
    ],
)
def test_copies_that_came_another_way_are_the_same_mail(copy: bytes) -> None:
    assert identity(copy) == ORIGINAL


@pytest.mark.parametrize("index", range(len(FIELDS)))
def test_another_originator_field_makes_another_mail(index: int) -> None:
    assert identity(replaced(index, FIELDS[index] + "x")) != ORIGINAL
    assert identity(mail(*FIELDS[:index], *FIELDS[index + 1 :])) != ORIGINAL


@pytest.mark.parametrize(
    "body",
    [b"", b"Hallo!\r\n", b"\r\nHallo\r\n", b"Hallo \r\n", b"Hal\r\nlo\r\n", b"Hallo\r\n.\r\n", b"Hallo\r"],
)
def test_another_body_makes_another_mail(body: bytes) -> None:
    assert identity(mail(*FIELDS, body=body)) != ORIGINAL


def test_other_content_under_the_same_message_id_is_another_mail() -> None:
    assert identity(mail(FIELDS[0], "Subject: a")) != identity(mail(FIELDS[0], "Subject: b"))


def test_a_value_cannot_pass_for_a_field_of_its_own() -> None:
    assert identity(mail("Date: 1", "From: a", "Subject: b")) != identity(
        mail("Date: 1", "From: a Subject: b")
    )


def test_without_message_id_and_date_the_whole_header_counts() -> None:
    today, yesterday = (mail(f"Received: by isp.example; {day}", "Subject: Alarm") for day in ("Tue", "Mon"))
    assert identity(today) != identity(yesterday)


def test_text_that_stands_among_the_fields_counts() -> None:
    assert identity(mail(*FIELDS, "stray one")) != identity(mail(*FIELDS, "stray two"))


def test_text_without_a_header_counts() -> None:
    assert identity(b"Hallo Bob\r\n\r\nbye") != identity(b"Hallo Eve\r\n\r\nbye")


def test_what_the_header_limit_leaves_unread_counts() -> None:
    endless = mail(*FIELDS)[:-9] + b"X-Long: " + b"x" * HEADER_LIMIT
    assert identity(endless + b"a") != identity(endless + b"b")


def test_by_message_id_the_content_does_not_matter() -> None:
    first, other = (
        identity(mail(*FIELDS), Dedup.MESSAGE_ID),
        identity(mail(FIELDS[0], body=b"x"), Dedup.MESSAGE_ID),
    )
    assert first == other != ORIGINAL
    assert first != identity(replaced(0, "Message-ID: <2@sender.example>"), Dedup.MESSAGE_ID)


@pytest.mark.parametrize(
    "lines", [(), ("Message-ID:",), ("Message-ID: <>",), ("Message-ID: < >",), (FIELDS[0], FIELDS[0] + "x")]
)
def test_without_a_message_id_of_its_own_a_mail_is_known_by_its_content(lines: tuple[str, ...]) -> None:
    first, second = mail(*lines, "Date: 1", body=b"a"), mail(*lines, "Date: 1", body=b"b")
    assert identity(first, Dedup.MESSAGE_ID) != identity(second, Dedup.MESSAGE_ID)
    assert identity(first, Dedup.MESSAGE_ID) == identity(first)


def test_switched_off_every_mail_is_another_one() -> None:
    assert identity(mail(*FIELDS), Dedup.OFF, "m1") == "m1"
    assert identity(mail(*FIELDS), Dedup.OFF, "m2") == "m2"


@given(
    st.lists(PIECES, max_size=20).map(b"".join),
    st.lists(st.integers(0, 120), max_size=6),
    st.sampled_from(Dedup),
)
def test_any_division_into_chunks_gives_the_same_identity(raw: bytes, cuts: list[int], dedup: Dedup) -> None:
    assert streamed(raw, cuts, dedup) == identity(raw, dedup)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_a_mail_added_byte_by_byte_has_the_same_identity(raw: bytes) -> None:
    assert streamed(raw, list(range(len(raw))), Dedup.CONTENT) == identity(raw)


def test_a_header_beyond_the_limit_may_come_in_any_chunks() -> None:
    raw = mail(*FIELDS)[:-9] + b"X-Long: " + b"x\r\n " * (HEADER_LIMIT // 4) + b"\r\n\r\nbody"
    cuts = [HEADER_LIMIT - 1, HEADER_LIMIT, HEADER_LIMIT + 3, 17]
    assert streamed(raw, cuts, Dedup.CONTENT) == identity(raw)


def test_a_body_of_empty_lines_before_text_counts_line_by_line() -> None:
    few, many = (mail(*FIELDS, body=b"\n" * count + b"x") for count in (100_000, 100_001))
    assert identity(few) != identity(many)


STRONG = FIELDS[:2]
WEAK = {
    "no Message-ID and an old clock": ("Date: Thu, 01 Jan 1970 00:00:07 +0000",),
    "no Message-ID": (FIELDS[1],),
    "a constant Message-ID without Date": (FIELDS[0],),
    "a constant Message-ID and a clock that was never set": (
        FIELDS[0],
        "Date: Tue, 1 Jan 1980 00:00:00 +0000",
    ),
    "a Date that is none": (FIELDS[0], "Date: soon"),
    "an empty Message-ID": ("Message-ID: <>", FIELDS[1]),
    "two of them": (FIELDS[0], "Message-ID: <2@sender.example>", FIELDS[1]),
}
ALARM = ("From: alarm@sender.example", "To: bob@firma.de", "Subject: Alarm")


def received(time: str, queue_id: str = "4A", client: str = "192.0.2.1", to: str = "") -> str:
    """The provider's topmost line; `time` is of one day."""
    clause = f" for <{to}>" if to else ""
    return (
        f"Received: from out.sender.example (out.sender.example [{client}]) by mx.isp.example (Postfix)"
        f" with ESMTP id {queue_id}{clause}; Mon, 02 Nov 2026 {time} +0000"
    )


def is_one_mail(first: bytes, second: bytes, dedup: Dedup = Dedup.CONTENT) -> bool:
    """Whether the second of two mails in one mailbox is recognised as the first."""
    held = identify(first, read_header(first), dedup, "m1").own
    found = identify(second, read_header(second), dedup, "m2")
    return held in (found.own, *found.near)


@pytest.mark.parametrize("sent", WEAK.values(), ids=WEAK)
def test_a_weak_identity_is_one_mail_only_if_it_is_one_transmission(sent: tuple[str, ...]) -> None:
    first, *others = (
        mail(received(time, queue_id, to=to), *sent, *ALARM)
        for time, queue_id, to in (
            ("10:00:59", "4A", "bob@firma.de"),
            ("10:00:59", "4A", "bob@firma.de"),
            ("10:01:03", "4B", "anna@firma.de"),
            ("10:04:30", "4C", ""),
            ("09:57:00", "4D", ""),
            ("10:05:59", "4E", "bob@firma.de"),
            ("11:00:59", "4A", "bob@firma.de"),
        )
    )
    assert [is_one_mail(first, other) for other in others] == [True, True, True, True, False, False]


@pytest.mark.parametrize("sent", WEAK.values(), ids=WEAK)
def test_another_sending_hop_or_none_is_no_proof(sent: tuple[str, ...]) -> None:
    first = mail(received("10:00:00"), *sent, *ALARM)
    assert not is_one_mail(first, mail(received("10:00:00", client="192.0.2.2"), *sent, *ALARM))
    assert not is_one_mail(first, mail(*sent, *ALARM))
    assert not is_one_mail(mail(*sent, *ALARM), mail(*sent, *ALARM))


@pytest.mark.parametrize(
    "line", ["Received: by isp.example; soon", "Received: from (", "Received: ", "Received: ;"]
)
def test_a_line_without_a_date_proves_a_transmission_only_if_it_is_the_same(line: str) -> None:
    first = mail(line, FIELDS[0], *ALARM)
    assert is_one_mail(first, first)
    assert not is_one_mail(first, mail(line + "x", FIELDS[0], *ALARM))


def test_a_mail_that_is_fetched_again_is_the_same_whatever_it_lacks() -> None:
    for sent in ((), *WEAK.values(), STRONG):
        raw = mail(received("10:00:00"), *sent, *ALARM)
        assert is_one_mail(raw, raw)


def test_without_message_id_and_date_not_even_copies_of_one_minute_are_one_mail() -> None:
    first, second = (mail(received("10:00:00", queue_id), *ALARM) for queue_id in ("4A", "4B"))
    assert not is_one_mail(first, second)


@pytest.mark.parametrize("dedup", [Dedup.CONTENT, Dedup.MESSAGE_ID])
@pytest.mark.parametrize(
    "line",
    ["Resent-Date: Tue, 3 Nov 2026 08:00 +0000", "Resent-Message-ID: <r1@x>", "Resent-From: anna@x.example"],
)
def test_resending_a_mail_makes_another_one(dedup: Dedup, line: str) -> None:
    original, resent, again = (mail(*each, *FIELDS) for each in ((), (line,), (line.replace("1", "2"),)))
    assert not is_one_mail(original, resent, dedup)
    assert is_one_mail(resent, mail(received("10:00:00"), "Resent-Bcc: bob@firma.de", line, *FIELDS), dedup)
    assert is_one_mail(resent, again, dedup) == (resent == again)


def test_a_strong_identity_needs_no_proof() -> None:
    first, second = (mail(received(time, time), *FIELDS) for time in ("10:00:00", "17:00:00"))
    assert is_one_mail(first, second)


@pytest.mark.parametrize("above", [b"From bob Mon Nov 30\r\n", b"\xef\xbb\xbf", b"\r\n", b"no field\r\n"])
def test_what_stands_above_the_header_does_not_count(above: bytes) -> None:
    assert identity(above + mail(*FIELDS)) == ORIGINAL
    assert streamed(above + mail(*FIELDS), [1, 3, 30], Dedup.CONTENT) == ORIGINAL


LINE = "Received: from out (out.x.example [192.0.2.1]) by mx.isp.example id 1; Thu, 1 Jan 2026 00:01:05 +0000"
MINUTE = 1_767_225_660 // 60


def test_the_topmost_line_names_the_hosts_and_the_minute_of_the_transmission() -> None:
    found = read_transmission(
        read_header(mail(LINE, "Received: by other.example; Fri, 2 Jan 2026 00:00 +0000"))
    )
    assert found == Transmission("mx.isp.example out.x.example 192.0.2.1", MINUTE)


def test_without_a_line_nothing_is_known() -> None:
    assert read_transmission(read_header(mail("Subject: x"))) is None


@pytest.mark.parametrize("line", ["by mx.isp.example; soon", "from x; Thu, 1 Jan 2026 00:01:05 +0000"])
def test_a_line_that_cannot_be_read_stands_for_itself(line: str) -> None:
    assert read_transmission(read_header(mail(f"Received: {line}"))) == Transmission(line, None)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        (b"Thu, 1 Jan 2026 01:00:00 +0100", 1_767_225_600),
        (b"1 Jan 2026 00:00:00 GMT (noted)", 1_767_225_600),
        (b"Thu, 1 Jan 2026 00:00", 1_767_225_600),
        (b"Thu, 1 Jan 1970 00:00:07 +0000", None),
        (b"Mon, 99 Foo 2026 25:61:61 +9999999999999999999", None),
        (b"soon", None),
        (b"", None),
    ],
)
def test_a_moment_is_read_whatever_its_time_zone(date: bytes, moment: int | None) -> None:
    assert read_moment(date) == moment


@given(st.binary(max_size=120) | st.text(alphabet="Mon, 1Jan20:+-", max_size=40).map(str.encode))
def test_any_octets_are_a_moment_or_none(date: bytes) -> None:
    moment = read_moment(date)
    assert moment is None or isinstance(moment, int)
