from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pop3.capabilities import mechanisms, parse_capabilities, parse_mechanisms, timestamp

STAMP = b"<1896.697170952@dbc.mtview.ca.us>"


@pytest.mark.parametrize(
    ("greeting", "stamp"),
    [
        (b"POP3 server ready <1896.697170952@dbc.mtview.ca.us>", STAMP),
        (b"<a@b> <c@d>", b"<a@b>"),
        (b"ready", b""),
        (b"<no-at-sign>", b""),
        (b"<a b@c>", b""),
        (b"<a\xff@c>", b""),
        (b"<@c>", b""),
        (b"<" + b"a" * 1000 + b"@c>", b""),
    ],
)
def test_only_a_message_id_in_ascii_counts_as_a_timestamp(greeting: bytes, stamp: bytes) -> None:
    assert timestamp(greeting) == stamp


@given(st.binary())
def test_any_greeting_is_searched_for_a_timestamp(greeting: bytes) -> None:
    assert timestamp(greeting) in greeting


def test_a_list_of_mechanisms_survives_case_blanks_and_nonsense() -> None:
    assert parse_mechanisms(b"PLAIN\r\n cram-md5 \r\n\r\nnot a name\r\n\xff\r\n") == ("PLAIN", "CRAM-MD5")


def test_capabilities_survive_repetition_case_blank_lines_and_bytes() -> None:
    found = parse_capabilities(b"sasl plain\r\n\r\nSASL LOGIN\r\n\xff\xfe\r\nUIDL\r\n")
    assert mechanisms(found) == ("PLAIN", "LOGIN")
    assert "UIDL" in found
    assert "PIPELINING" not in found
