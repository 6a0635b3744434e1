from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.mailbox_names import decode_name, encode_name

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("Entwürfe", b"Entw&APw-rfe"),
        ("Тест", b"&BCIENQRBBEI-"),
        ("台北/日本語", b"&U,BTFw-/&ZeVnLIqe-"),
        ("a & b", b"a &- b"),
        ("😀", b"&2D3eAA-"),
        ("tab\t", b"tab&AAk-"),
    ],
)
def test_names_in_modified_utf7(name: str, raw: bytes) -> None:
    assert encode_name(name) == raw
    assert decode_name(raw) == name


@given(NAMES)
def test_a_name_comes_back_as_it_went(name: str) -> None:
    for utf8 in (True, False):
        raw = encode_name(name, utf8=utf8)
        assert decode_name(raw, utf8=utf8) == ("INBOX" if name.upper() == "INBOX" else name)
    assert encode_name(name).isascii()


@pytest.mark.parametrize("raw", [b"inbox", b"Inbox", b"INBOX"])
def test_inbox_is_the_same_in_any_case(raw: bytes) -> None:
    assert decode_name(raw) == "INBOX"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"a & b", "a & b"),
        (b"a&", "a&"),
        (b"a&!!-", "a&!!-"),
        (b"&A-", "&A-"),
        (b"&2D0-", "&2D0-"),
        (b"Entw\xc3\xbcrfe", "Entwürfe"),
        (b"\xff", "\\xff"),
    ],
)
def test_a_name_that_is_badly_encoded_is_shown_as_it_came(raw: bytes, shown: str) -> None:
    assert decode_name(raw) == shown


@given(st.binary(max_size=40))
def test_any_octets_are_a_name(raw: bytes) -> None:
    for utf8 in (True, False):
        assert isinstance(decode_name(raw, utf8=utf8), str)


def test_a_lone_surrogate_is_no_name() -> None:
    for utf8 in (True, False):
        with pytest.raises(UnicodeEncodeError):
            encode_name("\ud800", utf8=utf8)
