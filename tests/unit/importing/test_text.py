"""Decoding foreign files."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.result import UnreadableImport
from shared.importing.text import decoded


@pytest.mark.parametrize(
    "content", ["ü\n".encode(), codecs.BOM_UTF8 + "ü\n".encode(), "ü\r\n".encode("utf-16"), "ü\r".encode()]
)
def test_unicode_is_read_with_and_without_a_mark(content: bytes) -> None:
    assert decoded(content) == ("ü\n", [])


def test_windows_1252_is_read_and_named_with_its_line() -> None:
    text, findings = decoded("a\nü€".encode("cp1252"))
    assert text == "a\nü€"
    assert [(each.line, each.option) for each in findings] == [(2, "encoding")]


@pytest.mark.parametrize(("content", "line"), [(b"a\n\x81\x8d", 2), (b"a\nb\0", 2)])
def test_what_is_no_text_is_refused_with_its_line(content: bytes, line: int) -> None:
    with pytest.raises(UnreadableImport, match=f"line {line}: "):
        decoded(content)


@given(st.binary())
def test_any_octets_are_text_or_refused(content: bytes) -> None:
    try:
        text, _ = decoded(content)
    except UnreadableImport:
        return
    assert "\r" not in text
    assert "\0" not in text
