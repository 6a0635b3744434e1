"""Patterns that take a part out of a header field's value: `acct-* <*>` takes what follows the blank.

The notation: `*` stands for any text, including none. What is between `<` and `>` is taken, or, without
angle brackets, what the only `*` stands for. White space matches any amount of white space. Letters match in
either case. A backslash makes the next character an ordinary one. The whole value must match. Each `*` but
the last stands for as little as possible. Matching takes time in proportion to the value's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LENGTH_LIMIT = 200


class UnusablePattern(ValueError):
    """The notation is not understood. The message says why and at which character."""


class PatternPart(NamedTuple):
    """A position in a pattern: `offset` octets into its `piece`-th stretch of fixed text."""

    piece: int
    offset: int


@dataclass(frozen=True, slots=True)
class HeaderPattern:
    """A pattern as it was `written`: `pieces` of fixed text with a `*` between any two."""

    written: str
    pieces: tuple[bytes, ...]
    begin: PatternPart
    end: PatternPart

    def find(self, value: bytes) -> bytes | None:
        """Return the part of `value` (unfolded) that the pattern takes; None where it does not match."""
        text = b" ".join(value.split())
        places = self._places(text.lower())
        if places is None:
            return None
        begin = places[self.begin.piece] + self.begin.offset
        return text[begin : places[self.end.piece] + self.end.offset].strip()

    def _places(self, text: bytes) -> list[int] | None:
        """Return where the pieces begin: first and last at the ends, others as early as possible."""
        first, *middle, last = self.pieces
        if not text.startswith(first):
            return None
        places, at = [0], len(first)
        for piece in middle:
            found = text.find(piece, at)
            if found < 0:
                return None
            places.append(found)
            at = found + len(piece)
        if len(text) - len(last) < at or not text.endswith(last):
            return None
        return [*places, len(text) - len(last)]


def parse_header_pattern(text: str, start: int = 0) -> HeaderPattern:
    """Parse a pattern. Raises `UnusablePattern`.

    The first character of `text` is number `start` + 1 of what the operator wrote.
    """
    if len(text) > LENGTH_LIMIT:
        raise UnusablePattern(f"the pattern is longer than {LENGTH_LIMIT} characters")
    reader = _Reader(start)
    escaped = False
    for number, sign in enumerate(text, start + 1):
        if escaped or sign not in _SIGNS:
            reader.fixed(sign, number)
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            reader.sign(sign, number)
    if escaped:
        raise UnusablePattern("a backslash at the end makes nothing ordinary")
    return reader.capture(text)


_SIGNS = frozenset("*<>\\")


class _Reader:
    """Collects the pieces of a pattern. `number` is a character's position, counted from 1, for errors."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._pieces = [bytearray()]
        self._begin: tuple[PatternPart, int] | None = None
        self._end: PatternPart | None = None

    def fixed(self, sign: str, number: int) -> None:
        """An ordinary character; of white space, one blank."""
        if sign not in " \t" and not sign.isprintable():
            raise UnusablePattern(f"character {number} is not printable")
        piece = self._pieces[-1]
        if sign not in " \t":
            piece += sign.encode().lower()
        elif not piece.endswith(b" "):
            piece += b" "

    def sign(self, sign: str, number: int) -> None:
        """One of `*`, `<` and `>`."""
        match sign:
            case "*":
                if len(self._pieces) > 1 and not self._pieces[-1] and self._here() not in self._marks():
                    raise UnusablePattern(f"the * at character {number} follows another one")
                self._pieces.append(bytearray())
            case "<":
                if self._begin is not None:
                    raise UnusablePattern(f"the < at character {number} is the second one")
                self._begin = self._here(), number
            case _:
                if self._begin is None or self._end is not None:
                    raise UnusablePattern(f"the > at character {number} has no < before it")
                self._end = self._here()

    def capture(self, written: str) -> HeaderPattern:
        """The pattern, when all of it was read."""
        if self._begin is None:
            if len(self._pieces) != 2:
                raise UnusablePattern("put what is to be taken between < and >, or write exactly one *")
            begin, end = PatternPart(0, len(self._pieces[0])), PatternPart(1, 0)
        else:
            begin, number = self._begin
            if self._end is None:
                raise UnusablePattern(f"the < at character {number} is never closed")
            end = self._end
            if begin.piece == end.piece:
                raise UnusablePattern(f"there is no * between the < at character {number} and its >")
        return HeaderPattern(written, tuple(bytes(piece) for piece in self._pieces), begin, end)

    def _here(self) -> PatternPart:
        return PatternPart(len(self._pieces) - 1, len(self._pieces[-1]))

    def _marks(self) -> tuple[PatternPart | None, ...]:
        return (self._begin[0] if self._begin else None, self._end)
