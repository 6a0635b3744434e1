from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header.clauses import TOKEN_LIMIT, words_of

PIECES = st.sampled_from(
    [
        b"from ",
        b"by ",
        b"for ",
        b"mx.isp.example ",
        b"<bob@firma.de>",
        b";",
        b"(",
        b")",
        b'"',
        b"\\",
        b"[",
        b" ",
    ]
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "by mx.isp.example (a (b (c (d (e (f)))))) with SMTP; Mon",
            ["by", "mx.isp.example", "with", "SMTP"],
        ),
        (r"by mx (Authenticated sender: DOM\anna) id 1", ["by", "mx", "id", "1"]),
        (r"by mx (\) by evil \( for) id 1", ["by", "mx", "id", "1"]),
        ('by mx (envelope-from <"a\\"b"@x.example>) id 1', ["by", "mx", "id", "1"]),
        ('by mx for <"john doe"@firma.de>; "x', ["by", "mx", "for", '<"john doe"@firma.de>']),
        ('by mx for <"a;b\\"c"@firma.de> (x); Mon', ["by", "mx", "for", '<"a;b\\"c"@firma.de>']),
        ('from "MYPC" by mx id a[1]', ["from", '"MYPC"', "by", "mx", "id", "a[1]"]),
        ("(qmail 1 invoked by uid 0); Mon", []),
        ("; for <eve@firma.de>", []),
        ("", []),
    ],
)
def test_the_words_of_a_received_line_are_what_is_no_comment(value: str, words: list[str]) -> None:
    assert words_of(value.encode()) == [word.encode() for word in words]


@pytest.mark.parametrize(
    "value",
    [
        "from a ( by mx; Mon",
        "from a) by mx",
        'from "a by mx; Mon',
        r"from a\b by mx",
        "by mx (x\\) id 1; Mon",
    ],
)
def test_a_line_whose_signs_do_not_pair_off_has_no_words(value: str) -> None:
    assert words_of(value.encode()) is None


def test_what_is_looked_at_sign_by_sign_has_a_limit() -> None:
    assert words_of(b'by mx for "a"' + b" b" * TOKEN_LIMIT) is None
    assert words_of(b"by mx for a" + b" b" * TOKEN_LIMIT) is not None


@given(st.lists(PIECES | st.binary(max_size=3), max_size=15).map(b"".join))
def test_any_line_has_words_that_stand_in_it_or_none(value: bytes) -> None:
    for word in words_of(value) or []:
        assert word
        assert word in value
