"""Splits a run control file of fetchmail into tokens, as its manual page says under "Run Control Syntax".

What a word means depends on the word before it: behind `user`, `password`, `is`, `to` and `=` every word is
a string, even `keep` and `12`. A quoted string ends at the next mark of its kind; no backslash hides one. A
mark that is never closed is refused here; fetchmail takes it as part of the word, but it is likely an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from shared.importing.result import UnreadableImport

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_WORD = re.compile(r"[^=;:, \t\n]+")
_IGNORED = re.compile(r"[;:, \t\n]|\\\n|#[^\n]*")
_NUMBER = re.compile(r"-?[0-9]+")
_ESCAPE = re.compile(r"\\(?:[xX]([0-9A-Fa-f]{0,2})|(0[0-7]{0,2})|([1-9][0-9]{0,2})|(\n)|(.)|$)", re.DOTALL)
_BY_LETTER = {"n": "\n", "t": "\t", "b": "\b", "r": "\r"}
BEFORE_STRINGS = frozenset({"user", "username", "pass", "password", "is", "to"})
BEFORE_METHODS = frozenset({"auth", "authenticate", "preauth", "preauthenticate"})


class Kind(Enum):
    """The kinds of tokens. A `WORD` may be a keyword; a `STRING` never is one."""

    WORD = auto()
    STRING = auto()
    NUMBER = auto()
    MAP = auto()
    WILDCARD = auto()


class Token(NamedTuple):
    """A token of the file. `text` is without quotation marks and escapes."""

    kind: Kind
    text: str
    line: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text whose line end is LF. Raises `UnreadableImport`."""
    at, line = 0, 1
    before = ""
    while at < len(text):
        if ignored := _IGNORED.match(text, at):
            line += ignored[0].count("\n")
            at = ignored.end()
            continue
        token, end = _token(text, at, line, before)
        yield token
        line += text.count("\n", at, end)
        at = end
        before = token.text if token.kind in {Kind.WORD, Kind.MAP} else ""


def _token(text: str, at: int, line: int, before: str) -> tuple[Token, int]:
    """Return the token at a place, the longest that fits, and where it ends."""
    if text[at] == "=":
        return Token(Kind.MAP, "=", line), at + 1
    word = _WORD.match(text, at)
    quoted = _QUOTED.match(text, at)
    assert word is not None, "what is no part of a word is ignored or `=`"
    if quoted is not None and quoted.end() >= word.end():
        return Token(Kind.STRING, unescaped(quoted[0][1:-1]), line), quoted.end()
    if text[at] in "\"'" and quoted is None:
        raise UnreadableImport(line, "a quotation mark is opened here and never closed")
    written = word[0]
    if written == "*":
        kind = Kind.WILDCARD
    elif before == "=" or before in BEFORE_STRINGS or quoted is not None:
        kind = Kind.STRING
    elif _NUMBER.fullmatch(written):
        kind = Kind.NUMBER
    elif before in BEFORE_METHODS:
        # `auth password` names a method, and no password follows.
        kind = Kind.STRING
    else:
        kind = Kind.WORD
    return Token(kind, unescaped(written), line), word.end()


def unescaped(text: str) -> str:
    """Return the text without its escapes. Octets beyond ASCII that they write are UTF-8, or else Latin-1."""
    if "\\" not in text:
        return text
    octets = bytearray()
    end = 0
    for match in _ESCAPE.finditer(text):
        octets += text[end : match.start()].encode("utf-8", "surrogatepass")
        octets += _octets(match)
        end = match.end()
    octets += text[end:].encode("utf-8", "surrogatepass")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _octets(match: re.Match[str]) -> bytes:
    hexadecimal, octal, decimal, _line_end, character = match.groups()
    if hexadecimal is not None:
        return bytes([int(hexadecimal or "0", 16)])
    if octal is not None:
        return bytes([int(octal, 8)])
    if decimal is not None:
        return bytes([int(decimal) & 0xFF])
    if character is not None:
        return _BY_LETTER.get(character, character).encode("utf-8", "surrogatepass")
    return b""
