"""Split a raw mail's header into its fields. Any bytes give an answer, in bounded time.

Lines end at LF. A CR before the LF belongs to the line end; a bare CR belongs to the line. A line that is
neither a field nor a continuation does not end the header: it is kept as a field without a name, so that
nothing of the mail goes unseen. What stands above the header (`shared.model.header_bounds`) is skipped.

At most `HEADER_LIMIT` octets and `FIELD_LIMIT` fields are read. A field that the limit cuts in two is
dropped: half an address may be somebody else's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from shared.model.header_bounds import end_of_header_at, is_header_complete, read_opening

HEADER_LIMIT = 1024 * 1024
FIELD_LIMIT = 5_000
NO_HEADER = "the mail does not begin with a header field"
STRAY_LINES = "the header has lines that are no field"

_LINE = re.compile(rb"([!-9;-~]++)[ \t]*+:(.*(?:\n[ \t].*)*)\n?|.*\n|.+")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WHITE = b" \t\r\n"


class HeaderField(NamedTuple):
    """One field: its name in lower case ("" for a line that is no field), and its value, still folded."""

    name: str
    value: bytes

    @property
    def unfolded(self) -> bytes:
        """The value on one line (RFC 5322 section 2.2.3)."""
        return _FOLD.sub(b"", self.value)


@dataclass(frozen=True)
class Header:
    """The fields from the top down, the offset of the first octet after them, and notes on what was wrong."""

    fields: tuple[HeaderField, ...]
    end: int
    notes: tuple[str, ...] = ()

    def all_named(self, name: str) -> list[HeaderField]:
        """Return the fields of this name (in lower case), topmost first."""
        return self._by_name.get(name, [])

    def first_value(self, name: str) -> bytes:
        """Return the topmost value of this name on one line; empty where there is no such field."""
        found = self._by_name.get(name)
        return found[0].unfolded if found else b""

    def positions(self, name: str) -> list[int]:
        """Return the positions of the fields of this name (in lower case) among all fields, topmost first."""
        return [position for position, field in enumerate(self.fields) if field.name == name]

    @cached_property
    def _by_name(self) -> dict[str, list[HeaderField]]:
        named: dict[str, list[HeaderField]] = {}
        for field in self.fields:
            named.setdefault(field.name, []).append(field)
        return named


def can_parse_header(beginning: bytes | bytearray, seen: int = 0) -> bool:
    """Return whether `beginning` holds the whole header, or as much of it as is read.

    The first `seen` octets were tested before.
    """
    if len(beginning) >= HEADER_LIMIT:
        return True
    return is_header_complete(beginning, seen, HEADER_LIMIT)


def read_header(raw: bytes) -> Header:
    """Parse the header of a mail.

    `raw` is the whole mail, or a beginning of it for which `can_parse_header` is true.
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
    """Return where the header's last line ends and where the body begins; None without an empty line."""
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
