from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.header_pattern import UnusablePattern, parse_header_pattern


@pytest.mark.parametrize(
    ("pattern", "value", "taken"),
    [
        ("acct-* <*>", "acct-17 bob@firma.de", "bob@firma.de"),
        ("acct-* <*>", "ACCT-17 \t <bob@firma.de>", "<bob@firma.de>"),
        ("acct-* <*>", "acct- bob@firma.de", "bob@firma.de"),
        ("acct-* <*>", "acct-17 a b", "a b"),
        ("acct-* <*>", "acct-17", None),
        ("acct-* <*>", "xacct-17 bob", None),
        ("mbox-*", "mbox-bob@firma.de", "bob@firma.de"),
        ("*", "bob", "bob"),
        ("<*>", "bob", "bob"),
        ("<*>@*", "bob@firma.de", "bob"),
        ("<*@firma.de>", "bob@firma.de", "bob@firma.de"),
        ("<*@firma.de>", "bob@firma.org", None),
        ("* for <*>;*", "by mx for bob@firma.de; Mon; Tue", "bob@firma.de"),
        (r"\<<*>\>", "<bob>", "bob"),
        (r"\*<*>\\", "*bob\\", "bob"),
        ("a*a", "a", None),
        ("a*a", "aa", ""),
        ("a<*>b*b", "axbxb", "x"),
        ("a < * > b", "a x b", "x"),
        ("M\u00fcller *", "M\u00fcller bob", "bob"),
    ],
)
def test_a_pattern_takes_what_it_marks(pattern: str, value: str, taken: str | None) -> None:
    found = parse_header_pattern(pattern).find(value.encode())
    assert (found.decode() if found is not None else None) == taken


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "exactly one"),
        ("bob", "exactly one"),
        ("a * b *", "exactly one"),
        ("a <*", "the < at character 3 is never closed"),
        ("<*> <*>", "the < at character 5 is the second one"),
        ("*>", "the > at character 2 has no < before it"),
        ("<*>>", "the > at character 4 has no < before it"),
        ("<bob> *", r"no \* between the < at character 1"),
        ("a**", r"the \* at character 3 follows another one"),
        ("a\\", "a backslash at the end"),
        ("a\0*", "character 2 is not printable"),
        ("*" + "a" * 200, "longer than 200"),
    ],
)
def test_a_pattern_that_says_nothing_clear_is_refused_with_the_place(pattern: str, reason: str) -> None:
    with pytest.raises(UnusablePattern, match=reason):
        parse_header_pattern(pattern)


def test_places_are_counted_from_where_the_operator_began_to_write() -> None:
    with pytest.raises(UnusablePattern, match="character 17"):
        parse_header_pattern("acct <*", start=11)


@given(st.text(alphabet="ab *", max_size=12), st.text(alphabet="ab ", max_size=30))
def test_a_pattern_matches_as_a_shell_would_say(pattern: str, value: str) -> None:
    try:
        capture = parse_header_pattern(pattern)
    except UnusablePattern:
        return
    text = " ".join(value.split())
    stretches = [re.escape(part) for part in re.sub(" +", " ", capture.written).split("*")]
    expected = re.fullmatch(".*".join(stretches), text)
    assert (capture.find(value.encode()) is not None) is (expected is not None)


@pytest.mark.parametrize("piece", ["a", "ab", " ", "x "])
def test_a_hostile_value_costs_one_pass(piece: str) -> None:
    """Twenty stars over 100,000 characters: an engine that goes back would not return."""
    pattern = parse_header_pattern("<*" + "a*" * 20 + "b>")
    assert (pattern.find(piece.encode() * 100_000) is None) is (piece != "ab")
