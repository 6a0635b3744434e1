"""What an IMAP server reads and writes: tokens, sets of UIDs, literals (RFC 9051, section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

Token: TypeAlias = "bytes | list[Token]"

ANNOUNCED = re.compile(rb"~?\{(\d+)(\+?)\}\r?\n\Z")
"""A literal is announced at the end of a line; with "+" the client does not wait (RFC 7888)."""
_LITERAL = re.compile(rb"~?\{(\d+)\+?\}\r?\n")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ATOM = re.compile(rb'(?:[^\s()"{\[]|\[[^\]]*\])+')


class BadCommand(ValueError):
    """The client sent what is no command."""


class Command(NamedTuple):
    """`verb` is in upper case, with "UID " in front where the command has it; `line` is all but the tag."""

    tag: str
    verb: str
    arguments: list[Token]
    line: str


def parse_command(raw: bytes) -> Command:
    """Return the command of a whole line, literals included. Raises `BadCommand`."""
    tag, _, rest = raw.removesuffix(b"\n").removesuffix(b"\r").partition(b" ")
    words = tokens(rest)
    verb = text(words.pop(0)).upper() if words else ""
    if verb == "UID" and words:
        verb += " " + text(words.pop(0)).upper()
    if not verb:
        raise BadCommand("there is no command")
    return Command(tag.decode("ascii", "replace"), verb, words, text(rest))


def tokens(raw: bytes) -> list[Token]:
    """Return the atoms, strings and lists in `raw`. Raises `BadCommand`."""
    found: list[Token] = []
    open_lists: list[list[Token]] = []
    place = 0
    while place < len(raw):
        octet = raw[place : place + 1]
        if octet.isspace():
            place += 1
        elif octet == b"(":
            open_lists.append(found)
            found = []
            place += 1
        elif octet == b")" and open_lists:
            inner, found = found, open_lists.pop()
            found.append(inner)
            place += 1
        else:
            token, place = _token(raw, place)
            found.append(token)
    if open_lists:
        raise BadCommand("a parenthesis is not closed")
    return found


def _token(raw: bytes, place: int) -> tuple[bytes, int]:
    if (literal := _LITERAL.match(raw, place)) is not None:
        end = literal.end() + int(literal[1])
        return raw[literal.end() : end], end
    if (quoted := _QUOTED.match(raw, place)) is not None:
        return re.sub(rb"\\(.)", rb"\1", quoted[1]), quoted.end()
    if (atom := _ATOM.match(raw, place)) is not None:
        return atom[0], atom.end()
    raise BadCommand(f"{raw[place : place + 20]!r} is no argument")


def text(token: Token) -> str:
    """Return an argument that is no list."""
    if not isinstance(token, bytes):
        raise BadCommand("a list stands where a string belongs")
    return token.decode("utf-8", "replace")


def texts(token: Token) -> list[str]:
    """Return a list of strings, or a string alone as such."""
    return [text(each) for each in token] if isinstance(token, list) else [text(token)]


def in_set(written: str, uids: Iterable[int]) -> list[int]:
    """Return which of these ascending `uids` a set such as `4,7:*` names; `*` is the highest of them."""
    there = list(uids)
    if not there:
        return []
    chosen = set[int]()
    for part in written.split(","):
        first, _, last = part.partition(":")
        ends = [there[-1] if end == "*" else int(end) for end in (first, last or first)]
        chosen |= {uid for uid in there if min(ends) <= uid <= max(ends)}
    return [uid for uid in there if uid in chosen]


def as_set(uids: Iterable[int]) -> str:
    """Return ascending UIDs as a set with ranges."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)


def literal(data: bytes, size: int | None = None) -> bytes:
    """Return `data` as a literal; `size` is what it announces where that is wrong."""
    return b"{%d}\r\n" % (len(data) if size is None else size) + data


def quoted(name: str) -> bytes:
    """Return a quoted string."""
    return b'"' + name.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
