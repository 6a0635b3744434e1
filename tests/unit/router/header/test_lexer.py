from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header import lexer
from services.router.header.lexer import TokenKind, tokens

LISTS = st.text(alphabet='ab@.,;:<>()[]"\\ \t\r\n\0é', max_size=60)


class CountingPattern:
    """A pattern that adds up how many characters its matches and misses may look at.

    What begins with `<` or `[` may be looked for up to the next sign of its kind, even if it is not found.
    """

    def __init__(self, pattern: re.Pattern[str], seen: list[int]) -> None:
        self._pattern = pattern
        self._seen = seen

    def match(self, text: str, at: int) -> re.Match[str] | None:
        match = self._pattern.match(text, at)
        end = match.end() if match else len(text)
        if text[at] in "<[":
            next_sign = text.find(text[at], at + 1)
            end = max(end, next_sign if next_sign > 0 else len(text))
        self._seen.append(end - at)
        return match

    def finditer(self, text: str, at: int) -> Iterator[re.Match[str]]:
        for match in self._pattern.finditer(text, at):
            self._seen.append(match.end() - at)
            at = match.end()
            yield match
        self._seen.append(len(text) - at)


def kinds(text: str) -> str:
    return "".join(token.kind for token in tokens(text))


def test_words_quoted_strings_and_signs_are_told_apart() -> None:
    assert kinds('"a, b" <c.d@[1.2]>;') == "q <w@l>,"


def test_comments_nest_and_are_white_space() -> None:
    assert kinds(r"a(b(c\)) d)e") == "w w"


def test_a_source_route_belongs_to_the_angle_bracket() -> None:
    assert kinds("<@a.de,@b.de:c@d.de>") == "<w@w>"
    assert kinds("<@a.de,c@d.de>") == "<@w,w@w>"


@pytest.mark.parametrize(
    ("text", "expected"), [('"a', "uw"), ("(a", "uw"), ("a)", "wx"), ("[a", "xw"), ("a\\b", "wjw")]
)
def test_a_sign_without_its_partner_is_a_token_of_its_own(text: str, expected: str) -> None:
    assert kinds(text) == expected


@given(LISTS)
def test_tokens_cover_the_text_without_gaps(text: str) -> None:
    at = 0
    for token in tokens(text):
        assert token.start == at
        assert token.end > at
        assert isinstance(token.kind, TokenKind)
        at = token.end
    assert at == len(text)


HOSTILE_PIECES = [
    '"', "(", ")", "[", "]", "<", ">", "\\", ":", ",", "@", '\\"', '"\\', "((", "()", '"(', '("', '"" ',
    "<@a,", "<@a:", "<@", "[a", "(\\", '"\\"', "a ", "=?utf-8?q?", "(a) ", "<@a ,@b",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE_PIECES)
def test_the_characters_looked_at_grow_with_the_length_only(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    for name in ("NEAR", "QUOTED", "COMMENT_SIGN"):
        monkeypatch.setattr(lexer, name, CountingPattern(getattr(lexer, name), seen))
    text = piece * (10_000 // len(piece))
    list(tokens(text))
    assert sum(seen) <= 4 * len(text)
