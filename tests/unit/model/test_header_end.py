from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.header_end import OVERLAP, end_of_header

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
