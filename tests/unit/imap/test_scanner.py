from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.scanner import Value, number_of, octets_of, scan, words_of

ATOMS = st.text(
    st.characters(codec="latin-1", exclude_characters=' \t()"[]\r\n'), min_size=1, max_size=8
).filter(lambda atom: atom.upper() != "NIL")
VALUES = st.recursive(
    st.one_of(ATOMS, st.none(), st.binary(max_size=8)),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def written(value: Value, parts: list[bytes]) -> None:
    """Append the value: strings with CR or LF as literals, the others quoted."""
    match value:
        case None:
            parts[-1] += b"NIL"
        case str():
            parts[-1] += value.encode("latin-1")
        case bytes() if b"\r" in value or b"\n" in value:
            parts += [value, b""]
        case bytes():
            parts[-1] += b'"%s"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        case list():
            parts[-1] += b"("
            for place, each in enumerate(value):
                parts[-1] += b" " if place else b""
                written(each, parts)
            parts[-1] += b")"


@given(st.lists(VALUES, max_size=5))
def test_what_was_written_is_read(values: list[Value]) -> None:
    parts = [b""]
    for value in values:
        written(value, parts)
        parts[-1] += b" "
    assert scan(parts) == values


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_any_octets_are_values_or_no_answer(parts: list[bytes]) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(scan(parts), list)


@pytest.mark.parametrize("text", [b'"a', b'"a\\"', b"(", b")", b"(()", b"a)", b"(" * 33 + b")" * 33])
def test_what_has_no_end_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        scan([text])


@pytest.mark.parametrize(
    "octet", [b'"', b"(", b"[", b"BODY[", b"\\", b'"\\', b" ", b"a ", b"{", b"BODY[ (", b'" "']
)
def test_no_line_takes_long(octet: bytes) -> None:
    """It would not end within the time of a test if it took the square of its length."""
    line = octet * (200_000 // len(octet))
    for tried in (line, b'"' + line, line + b"x"):
        with contextlib.suppress(ValueError):
            scan([tried])


def test_sections_of_a_body_are_one_atom() -> None:
    assert scan([b"BODY[HEADER.FIELDS (FROM TO)]<0> x"]) == ["BODY[HEADER.FIELDS (FROM TO)]<0>", "x"]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(("0", 0), (b"12", 12), (str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("9" * 30, None)),
        *(("-1", None), ("", None), ("1a", None), ("²", None), (None, None), ([], None)),
    ],
)
def test_numbers(value: Value, number: int | None) -> None:
    assert number_of(value) == number


def test_names_and_words() -> None:
    values: list[Value] = ["a", b"b", None, []]
    assert [octets_of(value) for value in values] == [b"a", b"b", b"NIL", None]
    assert words_of(["\\Seen", b"x", ["y"]]) == {"\\Seen"}
    assert words_of("x") == frozenset()
