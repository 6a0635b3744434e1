"""Where a raw mail's header starts and ends.

It ends at the first empty line (RFC 5322 section 2.1), with LF or CRLF.

It starts with the first field, but some servers and programs leave lines above it: an mbox postmark (`From x
date`, `>From x`), a byte order mark, empty lines, or text without a colon. Alone on top they do little harm.
Below our trace fields they would end the header for the target, and From, To, Subject and the MIME type
would become text. So they are found here, and the relay turns them into fields.

Where only a postmark stands above, one field below it makes a header. Anything else counts as the beginning
of a mail without a header, unless two of the fields follow by which readers know a mail.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OPENING_LINES = 20
"""A few stray lines are an accident. More of them are the text of a mail."""
OPENING_OCTETS = 64 * 1024
"""How much of the mail is examined where it does not begin with a field."""
KNOWN_FIELDS = 2
"""Two, as the text of a mail may have one line that looks like a field, such as `To: all of you`."""
OVERLAP = 2
"""Octets at the end of a searched part that must be searched again when more arrive."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_FIELD = re.compile(rb"[!-9;-~]++[ \t]*+:")
_POSTMARK = re.compile(rb">*From ")
_KNOWN_FIELD = re.compile(
    rb"(?:\A|\n)(from|sender|reply-to|to|cc|date|subject|message-id|mime-version|content-type|received"
    rb"|return-path|delivered-to|x-original-to)[ \t]*:",
    re.IGNORECASE,
)


class Opening(NamedTuple):
    """What stands above the header: the offset at which the header starts, and the lines of text before it.

    (0, ()) for a mail that begins with a field, and for one without a header.
    """

    start: int
    lines: tuple[bytes, ...] = ()


NOTHING_ABOVE = Opening(0)


def read_opening(raw: bytes | bytearray) -> Opening:
    """Return the opening of a mail. `raw` is the whole mail, or enough of it (`is_header_complete`)."""
    if _FIELD.match(raw):
        return NOTHING_ABOVE
    raw = bytes(raw[:OPENING_OCTETS])
    position, lines, needed = 0, list[bytes](), 1
    for _ in range(OPENING_LINES + 1):
        if raw.startswith(BYTE_ORDER_MARK, position):
            position += len(BYTE_ORDER_MARK)
            needed = KNOWN_FIELDS
        if _FIELD.match(raw, position):
            is_header = needed == 1 or _known_fields(raw, position) >= needed
            return Opening(position, tuple(lines)) if is_header else NOTHING_ABOVE
        end = raw.find(b"\n", position)
        if end < 0:
            break
        line = raw[position:end].strip()
        if _POSTMARK.match(line) is None:
            needed = KNOWN_FIELDS
        if line:
            lines.append(line)
        position = end + 1
    return NOTHING_ABOVE


def is_header_complete(beginning: bytes | bytearray, seen: int = 0, stop: int | None = None) -> bool:
    """Return whether more octets can change neither the opening nor the header.

    The first `seen` octets were tested before. The header's end is searched for before the offset `stop`.
    """
    if _FIELD.match(beginning):
        return end_of_header(beginning, max(0, seen - OVERLAP), stop) is not None
    start = read_opening(beginning).start
    if start == 0 and len(beginning) < OPENING_OCTETS:
        return False
    return end_of_header_at(beginning, start, stop) is not None


def end_of_header(raw: bytes | bytearray, start: int = 0, stop: int | None = None) -> int | None:
    """Return the offset of the empty line, 0 for a mail without a header; None where none is found.

    The search begins at `start`, as what is before was searched already, and ends at `stop`.
    """
    if raw.startswith((b"\n", b"\r\n")):
        return 0
    crlf = raw.find(b"\n\r\n", start, stop)
    bare = raw.find(b"\n\n", start, stop if crlf < 0 else crlf + 1)
    first = crlf if bare < 0 else bare
    return first + 1 if first >= 0 else None


def end_of_header_at(raw: bytes | bytearray, start: int, stop: int | None = None) -> int | None:
    """Return the offset of the empty line that ends the header starting at `start`, or None."""
    if start == 0:
        return end_of_header(raw, 0, stop)
    end = end_of_header(raw[start:stop])
    return None if end is None else start + end


def _known_fields(raw: bytes, start: int) -> int:
    """Return how many different known fields the header that starts there has."""
    header = raw[start : end_of_header_at(raw, start)]
    return len({name.lower() for name in _KNOWN_FIELD.findall(header)})
