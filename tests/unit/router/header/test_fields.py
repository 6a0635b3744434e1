from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header.fields import (
    FIELD_LIMIT,
    HEADER_LIMIT,
    NO_HEADER,
    STRAY_LINES,
    HeaderField,
    can_parse_header,
    read_header,
)

LINE_ENDS = [b"\r\n", b"\n"]
PIECES = st.sampled_from(
    [b"To: a@b.de", b"X :y", b" folded", b"\r", b"\n", b"\r\n", b"\n\n", b"\0", b"\xff", b":", b"From x"]
)
MAILS = st.lists(PIECES | st.binary(max_size=8), max_size=30).map(b"".join)


@pytest.mark.parametrize("eol", LINE_ENDS)
def test_fields_are_split_and_the_body_begins_after_the_empty_line(eol: bytes) -> None:
    raw = eol.join([b"To: bob@firma.de", b"SUBJECT:Hallo", b"", b"To: nobody@firma.de", b""])
    header = read_header(raw)
    assert header.fields == (HeaderField("to", b"bob@firma.de"), HeaderField("subject", b"Hallo"))
    assert raw[header.end :] == b"To: nobody@firma.de" + eol
    assert header.notes == ()


@pytest.mark.parametrize("eol", LINE_ENDS)
def test_a_folded_field_is_one_field_and_unfolds_to_one_line(eol: bytes) -> None:
    header = read_header(b"To: bob@firma.de," + eol + b"\tcarol@firma.de" + eol + b" " + eol + eol)
    assert header.first_value("to") == b"bob@firma.de,\tcarol@firma.de"
    assert len(header.fields) == 1


def test_fields_of_one_name_keep_their_order_and_the_topmost_is_first() -> None:
    header = read_header(b"Received: b\nDelivered-To: x\nReceived: a\n\n")
    assert [field.value for field in header.all_named("received")] == [b"b", b"a"]
    assert header.first_value("received") == b"b"
    assert header.first_value("subject") == b""


def test_white_space_before_the_colon_belongs_to_neither_name_nor_value() -> None:
    assert read_header(b"To \t: bob@firma.de\n\n").first_value("to") == b"bob@firma.de"


def test_a_bare_carriage_return_ends_no_line() -> None:
    header = read_header(b"Subject: x\rDelivered-To: eve@firma.de\r\n\r\n")
    assert header.fields == (HeaderField("subject", b"x\rDelivered-To: eve@firma.de"),)


def test_eight_bit_and_nul_bytes_stay_in_the_value() -> None:
    assert read_header(b"Subject: \xe4\0\xff\n\n").first_value("subject") == b"\xe4\0\xff"


def test_a_stray_line_does_not_end_the_header_and_is_kept_without_a_name() -> None:
    header = read_header(b"Subject: a\nbroken fold\nTo: bob@firma.de\n\n")
    assert header.fields[1:] == (HeaderField("", b"broken fold"), HeaderField("to", b"bob@firma.de"))
    assert header.notes == (STRAY_LINES,)


@pytest.mark.parametrize("line", [b"From bob Mon Jan  1 00:00:00 2024\n", b">From bob Mon Jan  1\r\n"])
def test_the_envelope_line_of_a_mailbox_file_is_passed_over(line: bytes) -> None:
    header = read_header(line + b"To: bob@firma.de\n\n")
    assert header.fields == (HeaderField("to", b"bob@firma.de"),)
    assert header.notes == ()


@pytest.mark.parametrize(
    "raw",
    [b"Hallo Bob,\nTo: eve@firma.de\n\nbye\n", b" folded\nTo: eve@firma.de\n\n", b"\xef\xbb\xbfTo: x\n"],
)
def test_a_mail_that_does_not_begin_with_a_field_has_no_header(raw: bytes) -> None:
    header = read_header(raw)
    assert header.fields == ()
    assert header.end == 0
    assert header.notes == (NO_HEADER,)


@pytest.mark.parametrize(
    ("raw", "end"), [(b"", 0), (b"\n", 1), (b"\r\n", 2), (b"\nTo: a@b.de\n", 1), (b"\r\nTo: x\n\n", 2)]
)
def test_a_mail_that_begins_with_its_body_has_no_header(raw: bytes, end: int) -> None:
    header = read_header(raw)
    assert (header.fields, header.end, header.notes) == ((), end, (NO_HEADER,))


def test_a_mail_may_end_with_its_header() -> None:
    header = read_header(b"To: bob@firma.de")
    assert header.first_value("to") == b"bob@firma.de"
    assert header.end == len(b"To: bob@firma.de")
    assert header.notes == ()


def test_of_a_hundred_thousand_fields_only_the_first_are_read() -> None:
    header = read_header(b"A: b\n" * 100_000 + b"\nbody")
    assert len(header.fields) == FIELD_LIMIT
    assert header.end == FIELD_LIMIT * len(b"A: b\n")
    assert "only the first" in header.notes[0]


@pytest.mark.parametrize("line", [b"a@firma.de,\n ", b"a"])
def test_a_field_that_the_limit_cuts_in_two_is_not_taken(line: bytes) -> None:
    raw = b"Subject: x\nTo: " + line * HEADER_LIMIT
    header = read_header(raw)
    assert header.fields == (HeaderField("subject", b"x"),)
    assert header.end == len(b"Subject: x\n")
    assert "only the first 1 fields" in header.notes[0]


def test_a_header_of_one_endless_line_is_read_as_nothing() -> None:
    header = read_header(b"x" * (HEADER_LIMIT + 10))
    assert (header.fields, header.end) == ((), 0)


@given(MAILS)
def test_any_bytes_give_a_header_and_every_byte_is_header_or_body(raw: bytes) -> None:
    header = read_header(raw)
    assert 0 <= header.end <= len(raw)
    assert all(field.value in raw and b"\n" not in field.unfolded for field in header.fields)


@given(MAILS)
def test_a_header_that_is_here_does_not_change_with_more_bytes(raw: bytes) -> None:
    for length in range(len(raw) + 1):
        if can_parse_header(raw[:length], length - 1):
            assert read_header(raw[:length]) == read_header(raw)
            break
    else:
        assert not can_parse_header(raw)
