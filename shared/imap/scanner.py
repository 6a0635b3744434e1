"""Reads the text of an answer into values (RFC 9051, section 9).

An atom or a number becomes `str`, a quoted string or a literal `bytes`, NIL None, a list in parentheses a
`list`. The scanner is wider than the standard: atoms may have any octets but blanks, quotes and parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

MOST_DEPTH = 32
LARGEST_NUMBER = 2**63 - 1


class Streamed(Enum):
    """Stands for the literal of a mail, which is not held with the answer."""

    BODY = "body"


Value: TypeAlias = "str | bytes | Streamed | list[Value] | None"
Part: TypeAlias = bytes | Streamed

_TOKEN = re.compile(
    rb"""[ \t]*+(?:
      (?P<open>\()
    | (?P<close>\))
    | "(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"
    | (?P<atom>(?:BODY|BINARY)\[[^\]"]{0,1000}\](?:<[0-9]+>)? | [^ \t()"]++)
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def scan(parts: Sequence[Part]) -> list[Value]:
    """Return the values of one answer.

    `parts` are lines without their ends and announced lengths, and between them the literals, so that every
    second part is a literal. Raises ValueError for what has no end or is nested too deep.
    """
    lists: list[list[Value]] = [[]]
    for index, part in enumerate(parts):
        if isinstance(part, Streamed) or index % 2:
            lists[-1].append(part)
        else:
            _scan_line(part, lists)
    if len(lists) != 1:
        raise ValueError("a parenthesis is not closed")
    return lists[0]


def _scan_line(line: bytes, lists: list[list[Value]]) -> None:
    position = 0
    while position < len(line):
        token = _TOKEN.match(line, position)
        if token is None:
            raise ValueError("a quoted string has no end")
        position = token.end()
        match token.lastgroup:
            case "atom":
                atom = token["atom"].decode("latin-1")
                lists[-1].append(None if len(atom) == 3 and atom.upper() == "NIL" else atom)
            case "quoted":
                lists[-1].append(_ESCAPED.sub(rb"\1", token["quoted"]))
            case "open":
                _open(lists)
            case "close":
                if len(lists) == 1:
                    raise ValueError("a parenthesis was not opened")
                lists.pop()
            case _:
                break


def _open(lists: list[list[Value]]) -> None:
    if len(lists) > MOST_DEPTH:
        raise ValueError(f"parentheses are nested deeper than {MOST_DEPTH}")
    inner: list[Value] = []
    lists[-1].append(inner)
    lists.append(inner)


def number_of(value: Value) -> int | None:
    """Return the number that the value is, quoted or not; None if it is none or has more than 63 bits."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    number = int(text)
    return number if number <= LARGEST_NUMBER else None


def octets_of(value: Value) -> bytes | None:
    """Return the octets of an atom or a string (`astring`); an unquoted NIL is a name there."""
    if value is None:
        return b"NIL"
    if isinstance(value, str):
        return value.encode("latin-1")
    return value if isinstance(value, bytes) else None


def words_of(value: Value) -> frozenset[str]:
    """Return the atoms of a list, as of flags; empty for what is no list."""
    return (
        frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
    )
