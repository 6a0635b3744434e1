"""A raw mail's header, split into its fields; promises an answer for any bytes, in bounded time.

Lines end at LF; a CR before it belongs to the line end, a bare CR belongs to the line. A line that is neither
a field nor a continuation does not end the header; it is kept as a field without a name, so that nothing of
the mail goes unseen. What stands above the header (`shared.model.header_start`) is passed over.

At most `HEADER_LIMIT` bytes and `FIELD_LIMIT` fields are looked at. A field that the limit cuts in two is not
taken: half an address may be somebody else's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from shared.model.header_start import end_of_header_at, header_is_whole, read_opening

HEADER_LIMIT = 1024 * 1024
FIELD_LIMIT = 5_000
NO_HEADER = "the mail does not begin with a header field"
STRAY_LINES = "the header has lines that are no field"

_LINE = re.compile(rb"([!-9;-~]++)[ \t]*+:(.*(?:\n[ \t].*)*)\n?|.*\n|.+")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WHITE = b" \t\r\n"


class HeaderField(NamedTuple):
    """One field: its name in lower case ("" for a line that is no field), and its value with its folds."""

    name: str
    value: bytes

    @property
    def unfolded(self) -> bytes:
        """The value on one line (RFC 5322 section 2.2.3)."""
        return _FOLD.sub(b"", self.value)


@dataclass(frozen=True)
class Header:
    """The fields from the top down, the offset of the first byte after them, and what was wrong with them."""

    fields: tuple[HeaderField, ...]
    end: int
    notes: tuple[str, ...] = ()

    def all(self, name: str) -> list[HeaderField]:
        """The fields of this name (in lower case), topmost first."""
        return self._by_name.get(name, [])

    def first(self, name: str) -> bytes:
        """The topmost value of this name on one line; empty if the field is missing."""
        found = self._by_name.get(name)
        return found[0].unfolded if found else b""

    def places(self, name: str) -> list[int]:
        """Where the fields of this name (in lower case) stand among all, topmost first."""
        return [place for place, field in enumerate(self.fields) if field.name == name]

    @cached_property
    def _by_name(self) -> dict[str, list[HeaderField]]:
        named: dict[str, list[HeaderField]] = {}
        for field in self.fields:
            named.setdefault(field.name, []).append(field)
        return named


def header_is_here(beginning: bytes | bytearray, seen: int = 0) -> bool:
    """Whether more bytes cannot change the header; the first `seen` bytes were asked about before."""
    if len(beginning) >= HEADER_LIMIT:
        return True
    return header_is_whole(beginning, seen, HEADER_LIMIT)


def read_header(raw: bytes) -> Header:
    """The header of the mail that is, or begins with, `raw`.

    `raw` must be the whole mail or, of a mail whose header is longer, so much of it that `header_is_here`.
    """
    start = read_opening(raw).start
    extent = _extent(raw, start)
    cut = extent is None and len(raw) >= HEADER_LIMIT
    stop, body = extent or (min(len(raw), HEADER_LIMIT),) * 2
    fields: list[HeaderField] = []
    line, stray = None, False
    for line in _LINE.finditer(raw, start, stop):
        name, value = line.groups()
        if len(fields) == FIELD_LIMIT:
            return _header(fields, line.start(), cut=True, stray=stray)
        if name is not None:
            fields.append(HeaderField(name.lower().decode(), value.strip(_WHITE)))
        elif fields:
            fields.append(HeaderField("", line[0].strip(_WHITE)))
            stray = True
        else:
            return Header((), 0, (NO_HEADER,))
    if cut and line is not None:
        return _header(fields[:-1], line.start(), cut=True, stray=stray)
    return _header(fields, body, cut=False, stray=stray)


def _extent(raw: bytes, start: int) -> tuple[int, int] | None:
    """Where the header's last line ends and where the body begins, if an empty line is there to tell."""
    end = end_of_header_at(raw, start, HEADER_LIMIT)
    if end is None:
        return None
    return end, end + (2 if raw.startswith(b"\r", end) else 1)


def _header(fields: list[HeaderField], end: int, *, cut: bool, stray: bool) -> Header:
    notes = [f"only the first {len(fields)} fields of a very long header were read"] if cut else []
    if not fields and not cut:
        notes.append(NO_HEADER)
    if stray and any(not field.name for field in fields):
        notes.append(STRAY_LINES)
    return Header(tuple(fields), end, tuple(notes))
