"""The words of a Received line's clauses (RFC 5321 section 4.4), without its comments and its date.

Clients have a say in such a line: in their own name, in the sender's address. A line that cannot be taken
apart without doubt has no words at all, as any of them may be the client's.
"""

from __future__ import annotations

import re

from services.router.header.lexer import Kind, Token, tokens

TOKEN_LIMIT = 1_000
_COMMENT = re.compile(rb"\([^()\\]*+\)")
_COMMENT_DEPTH = 4
_WORD = re.compile(rb"[^ \t]++")
_HARD = re.compile(rb'["()\\]')
_DATE = ";"
_UNPAIRED = frozenset({")", "\\"})


def words_of(value: bytes) -> list[bytes] | None:
    """The words of the line, unfolded; quoted strings, and what is joined to them, are kept in one piece.

    None where quotation marks, parentheses or backslashes do not pair off, or if the line has any of them but
    in plain comments and more than `TOKEN_LIMIT` tokens.
    """
    clauses, _, _ = _without_comments(value).partition(b";")
    return _taken_apart(value) if _HARD.search(clauses) else _WORD.findall(clauses)


def _without_comments(text: bytes) -> bytes:
    """Comments nest, as when a server describes its TLS; more than `_COMMENT_DEPTH` levels are left in."""
    for _ in range(_COMMENT_DEPTH):
        text, found = _COMMENT.subn(b" ", text)
        if not found:
            break
    return text


def _taken_apart(value: bytes) -> list[bytes] | None:
    text = value.decode("utf-8", "surrogateescape")
    words: list[str] = [""]
    for number, token in enumerate(tokens(text)):
        piece = text[token.start : token.end]
        if piece == _DATE:
            break
        if number == TOKEN_LIMIT or _is_unpaired(token, piece):
            return None
        if token.kind is not Kind.SPACE:
            words[-1] += piece
        elif words[-1]:
            words.append("")
    return [word.encode("utf-8", "surrogateescape") for word in words if word]


def _is_unpaired(token: Token, piece: str) -> bool:
    return token.kind is Kind.UNCLOSED or piece in _UNPAIRED
