from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.text_file import text_of

texts = st.text().filter(lambda text: not text.startswith("\ufeff"))


@given(texts)
def test_a_text_is_the_same_with_a_byte_order_mark_and_without(text: str) -> None:
    content = text.encode()
    assert text_of(content) == text
    assert text_of(codecs.BOM_UTF8 + content) == text


@given(texts)
def test_utf_16_is_read_behind_its_byte_order_mark(text: str) -> None:
    assert text_of(codecs.BOM_UTF16_LE + text.encode("utf-16-le")) == text
    assert text_of(codecs.BOM_UTF16_BE + text.encode("utf-16-be")) == text


@pytest.mark.parametrize("content", [b"\xff", b"a\xff", b"\xef\xbb", codecs.BOM_UTF16_LE + b"a"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        text_of(content)
    text_of(content, "replace")
