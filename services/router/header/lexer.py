"""The tokens of an address list (RFC 5322 section 3.2), found in linear time.

Every token takes at least one character and begins where the last one ended. Only two searches go far ahead:
for the end of a quoted string and for the end of a comment. Each may fail once. After that, what would open
another one is an `UNCLOSED` token, and no end is searched for. All other patterns stop at the next character
that could begin their like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple


class TokenKind(StrEnum):
    """What a token is. The grammar in `addresses` is written in these letters."""

    WORD = "w"
    QUOTED = "q"
    LITERAL = "l"
    AT = "@"
    OPEN = "<"
    CLOSE = ">"
    COLON = ":"
    SEPARATOR = ","
    SPACE = " "
    UNCLOSED = "u"
    STRAY = "x"
    JUNK = "j"


class Token(NamedTuple):
    """A piece `text[start:end]` of the list. A source route is part of its `OPEN` token."""

    kind: TokenKind
    start: int
    end: int


_NOT_WORD = r'\x00-\x20\x7f"(),:;<>@\[\]\\'
# No group is possessive: Python before 3.11.5 matches such groups wrongly. None needs to be, as each of their
# parts ends at a character that no other part can match.
_ROUTE = rf"(?:[ \t]*@[^{_NOT_WORD}]+(?:[ \t]*,[ \t]*@[^{_NOT_WORD}]+)*[ \t]*:)?"
NEAR = re.compile(
    rf"(?P<WORD>[^{_NOT_WORD}]++)|(?P<SPACE>[ \t]++)|(?P<AT>@)|(?P<OPEN><{_ROUTE})|(?P<CLOSE>>)"
    rf"|(?P<SEPARATOR>[,;])|(?P<COLON>:)|(?P<LITERAL>\[[^\[\]]*+\])|(?P<UNCLOSED>[\"(])|(?P<STRAY>[)\[\]])|(?P<JUNK>.)",
    re.DOTALL,
)
QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_KINDS = {kind.name: kind for kind in TokenKind}
COMMENT_SIGN = re.compile(r"[()]|\\.", re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`, in order and without gaps. A comment is a `SPACE`."""
    at, quotes_close, comments_close = 0, True, True
    while at < len(text):
        kind, end = TokenKind.UNCLOSED, None
        if text[at] == '"' and quotes_close:
            kind, end = TokenKind.QUOTED, _quoted_end(text, at)
            quotes_close = end is not None
        elif text[at] == "(" and comments_close:
            kind, end = TokenKind.SPACE, _comment_end(text, at)
            comments_close = end is not None
        if end is None:
            near = NEAR.match(text, at)
            assert near is not None
            assert near.lastgroup is not None
            kind, end = _KINDS[near.lastgroup], near.end()
        yield Token(kind, at, end)
        at = end


def _quoted_end(text: str, start: int) -> int | None:
    match = QUOTED.match(text, start)
    return match.end() if match else None


def _comment_end(text: str, start: int) -> int | None:
    """Return where the comment ends. Comments nest; a quoted pair opens and closes nothing."""
    depth = 0
    for sign in COMMENT_SIGN.finditer(text, start):
        if sign[0] == "(":
            depth += 1
        elif sign[0] == ")":
            depth -= 1
            if not depth:
                return sign.end()
    return None
