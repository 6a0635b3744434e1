from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.header_start import (
    NOTHING_ABOVE,
    OPENING_LINES,
    OPENING_OCTETS,
    Opening,
    end_of_header_at,
    header_is_whole,
    read_opening,
)

HEADER = b"From: a@x.example\r\nTo: b@x.example\r\nSubject: x\r\n\r\nbody\r\n"
PIECES = st.sampled_from(
    [
        b"From x\n",
        b">From y\r\n",
        b"\xef\xbb\xbf",
        b"\n",
        b"\r\n",
        b"text\n",
        b" x\n",
        b"From: a\r\n",
        b"To: b\n",
        b"b",
    ]
)


@pytest.mark.parametrize(
    ("above", "lines"),
    [
        (b"From bob Mon Nov 30 10:00:00 2026\r\n", (b"From bob Mon Nov 30 10:00:00 2026",)),
        (b">From bob Mon Nov 30\n", (b">From bob Mon Nov 30",)),
        (b"From a x\n>From b y\n", (b"From a x", b">From b y")),
        (b"\xef\xbb\xbf", ()),
        (b"\xef\xbb\xbfFrom bob Mon\n\xef\xbb\xbf", (b"From bob Mon",)),
        (b"\r\n", ()),
        (b"\n\r\n \t\r\n", ()),
        (b"text without a colon\r\n", (b"text without a colon",)),
        (b" as if it were folded\r\n", (b"as if it were folded",)),
        (b"\nFrom bob Mon\n\n", (b"From bob Mon",)),
        (b"\xff\0\n", (b"\xff\0",)),
    ],
)
def test_the_header_starts_below_what_is_no_field(above: bytes, lines: tuple[bytes, ...]) -> None:
    assert read_opening(above + HEADER) == Opening(len(above), lines)


def test_a_mail_that_begins_with_a_field_has_nothing_above_its_header() -> None:
    assert read_opening(HEADER) == NOTHING_ABOVE
    assert read_opening(b"x:\n" + HEADER) == NOTHING_ABOVE


def test_below_a_postmark_any_field_will_do() -> None:
    assert read_opening(b"From bob Mon\nX-Any: 1\n\n").start == len(b"From bob Mon\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"From bob Mon\n",
        b"From bob Mon\n\nno header\n",
        b"Hello,\nTo: all of you\nto: and to me\n\nbye\n",
        b"\nTo: all of you\n\nFrom: me\n",
        b"\xef\xbb\xbfHello\n",
        b"x\n" * (OPENING_LINES + 1) + HEADER,
        b"x" * OPENING_OCTETS + b"\n" + HEADER,
    ],
)
def test_a_mail_without_a_header_has_no_opening(raw: bytes) -> None:
    assert read_opening(raw) == NOTHING_ABOVE


def test_the_end_is_looked_for_below_the_opening() -> None:
    raw = b"\r\n\r\n" + HEADER
    assert end_of_header_at(raw, 4) == raw.index(b"\r\n\r\nbody") + 2
    assert end_of_header_at(raw, 4, 10) is None


def test_a_mail_of_many_lines_without_a_header_is_not_waited_for_for_ever() -> None:
    assert header_is_whole(b"\n" + b"x" * OPENING_OCTETS)
    assert not header_is_whole(b"\n" + b"x" * 100)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_what_is_whole_does_not_change_with_more_octets(raw: bytes) -> None:
    for length in range(len(raw) + 1):
        if header_is_whole(raw[:length], length - 1):
            start = read_opening(raw[:length]).start
            assert read_opening(raw) == read_opening(raw[:length])
            assert end_of_header_at(raw, start) == end_of_header_at(raw[:length], start)
            break
