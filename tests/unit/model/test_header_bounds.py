from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.header_bounds import (
    NOTHING_ABOVE,
    OPENING_LINES,
    OPENING_OCTETS,
    OVERLAP,
    Opening,
    end_of_header,
    end_of_header_at,
    is_header_complete,
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
    assert is_header_complete(b"\n" + b"x" * OPENING_OCTETS)
    assert not is_header_complete(b"\n" + b"x" * 100)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_what_is_whole_does_not_change_with_more_octets(raw: bytes) -> None:
    for length in range(len(raw) + 1):
        if is_header_complete(raw[:length], length - 1):
            start = read_opening(raw[:length]).start
            assert read_opening(raw) == read_opening(raw[:length])
            assert end_of_header_at(raw, start) == end_of_header_at(raw[:length], start)
            break


MAILS = st.lists(st.sampled_from([b"a", b"b: c", b"\r", b"\n", b"\r\n"])).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (b"A: b\n\nbody", 5),
        (b"A: b\r\n\r\nbody", 6),
        (b"A: b\n\r\nbody", 5),
        (b"A: b\r\n\nbody", 6),
        (b"A: b\r\n\r\n", 6),
        (b"A: b\n\nbody\r\n\r\n", 5),
        (b"A: b\r\n\r\nbody\n\n", 6),
    ],
)
def test_the_first_empty_line_ends_the_header_whatever_the_line_ends(raw: bytes, end: int) -> None:
    assert end_of_header(raw) == end


@pytest.mark.parametrize("raw", [b"\nbody", b"\r\nbody", b"\n", b"\r\n\r\n"])
def test_a_mail_that_begins_with_an_empty_line_has_no_header(raw: bytes) -> None:
    assert end_of_header(raw) == 0


@pytest.mark.parametrize("raw", [b"", b"A: b", b"A: b\n", b"A: b\r\n\r", b"A: b\r\rc", b"\r"])
def test_without_an_empty_line_the_end_is_not_in_sight(raw: bytes) -> None:
    assert end_of_header(raw) is None


def test_an_empty_line_that_is_not_wholly_before_the_stop_is_not_seen() -> None:
    assert end_of_header(b"A: b\r\n\r\n", stop=7) is None
    assert end_of_header(b"A: b\r\n\r\n", stop=8) == 6


@given(MAILS)
def test_what_ends_there_is_empty_lines_are_not_in_it_and_one_follows(raw: bytes) -> None:
    end = end_of_header(raw)
    header = raw if end is None else raw[:end]
    assert b"\n\n" not in header
    assert b"\n\r\n" not in header
    assert end is None or raw[end:].startswith((b"\n", b"\r\n"))


@given(MAILS, MAILS)
def test_searched_piece_by_piece_it_is_the_same(first: bytes, more: bytes) -> None:
    whole = first + more
    if end_of_header(first) is None:
        assert end_of_header(whole, max(0, len(first) - OVERLAP)) == end_of_header(whole)
    else:
        assert end_of_header(whole) == end_of_header(first)
