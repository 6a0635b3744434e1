"""Tokens of a run control file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.fetchmail.lexer import Kind, Token, tokens, unescaped
from shared.importing.result import UnreadableImport
from tests.fakes.imports import read_or_refused


def kinds(text: str) -> list[tuple[str, str]]:
    return [(each.kind.name, each.text) for each in tokens(text)]


def texts(text: str) -> list[str]:
    return [each.text for each in tokens(text)]


def test_words_numbers_and_strings_are_told_apart() -> None:
    assert kinds('poll 12 "a b" -3 *') == [
        ("WORD", "poll"),
        ("NUMBER", "12"),
        ("STRING", "a b"),
        ("NUMBER", "-3"),
        ("WILDCARD", "*"),
    ]


def test_colons_semicolons_commas_and_comments_separate_and_mean_nothing() -> None:
    assert texts("a:b;c,d # e f\ng") == ["a", "b", "c", "d", "g"]


def test_a_comment_begins_only_where_a_word_may() -> None:
    assert texts("user a#b") == ["user", "a#b"]


def test_a_comment_at_the_end_of_the_file_needs_no_line_end() -> None:
    assert texts("poll # the end") == ["poll"]


@pytest.mark.parametrize("word", ["user", "username", "pass", "password", "is", "to"])
def test_behind_words_that_take_a_name_every_word_is_a_string(word: str) -> None:
    assert kinds(f"{word} keep") == [("WORD", word), ("STRING", "keep")]
    assert kinds(f"{word} 12") == [("WORD", word), ("STRING", "12")]


def test_only_the_first_word_behind_a_name_is_a_string() -> None:
    assert kinds("is a keep") == [("WORD", "is"), ("STRING", "a"), ("WORD", "keep")]


def test_a_name_behind_an_equals_sign_is_a_string() -> None:
    assert kinds("a=keep") == [("WORD", "a"), ("MAP", "="), ("STRING", "keep")]


def test_auth_password_names_a_method() -> None:
    assert kinds("auth password user") == [("WORD", "auth"), ("STRING", "password"), ("WORD", "user")]


def test_single_and_double_quotation_marks_are_alike() -> None:
    assert texts("'a \" b' \"c ' d\"") == ['a " b', "c ' d"]


def test_a_longer_word_goes_before_a_quoted_string() -> None:
    """As flex decides, and fetchmail with it: the marks belong to the word then."""
    assert texts('user "a"b') == ["user", '"a"b']


def test_an_apostrophe_within_a_word_quotes_nothing() -> None:
    assert texts("user o'brien keep") == ["user", "o'brien", "keep"]


def test_a_quoted_string_runs_over_lines() -> None:
    assert list(tokens('"a\nb" c')) == [Token(Kind.STRING, "a\nb", 1), Token(Kind.WORD, "c", 2)]


def test_a_backslash_joins_lines_in_strings_and_between_words() -> None:
    assert texts('"a\\\nb" c \\\n d') == ["ab", "c", "d"]


def test_a_quotation_mark_that_is_never_closed_is_named_with_its_line() -> None:
    with pytest.raises(UnreadableImport, match="line 2: a quotation mark"):
        list(tokens('poll a\nuser "b'))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\n\t\b\r", "\n\t\b\r"),
        (r"\\", "\\"),
        (r"\"", '"'),
        (r"\65\x42\0103", "AB\b3"),
        (r"\X4a", "J"),
        (r"\195\188", "ü"),
        (r"\xe9", "é"),
        ("ü\\32ö", "ü ö"),
        ("end\\", "end"),
    ],
)
def test_escapes_are_those_of_the_manual_page(written: str, meant: str) -> None:
    assert unescaped(written) == meant


@given(st.text())
def test_any_text_gives_tokens_or_its_own_error(text: str) -> None:
    found = read_or_refused(lambda: list(tokens(text)))
    if isinstance(found, UnreadableImport):
        assert 1 <= found.line <= text.count("\n") + 1
    else:
        lines = [each.line for each in found]
        assert lines == sorted(lines)


@given(st.text())
def test_unescaping_never_fails(text: str) -> None:
    unescaped(text)


@given(st.text(alphabet=st.characters(exclude_characters='\\"')))
def test_text_without_marks_and_backslashes_survives_quoting(text: str) -> None:
    assert [each.text for each in tokens(f'"{text}"')] == [text]
