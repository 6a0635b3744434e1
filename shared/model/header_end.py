"""Where a raw mail's header ends: at its first empty line (RFC 5322 section 2.1), by LF or CRLF."""

from __future__ import annotations

OVERLAP = 2
"""So many octets before the end of what was searched have to be searched again when more has come."""


def end_of_header(raw: bytes | bytearray, start: int = 0, stop: int | None = None) -> int | None:
    """The offset of the empty line, which is 0 in a mail without a header; None where none is in sight.

    It is looked for behind the octet `start`, as what comes before was searched already, and before `stop`.
    """
    if raw.startswith((b"\n", b"\r\n")):
        return 0
    crlf = raw.find(b"\n\r\n", start, stop)
    bare = raw.find(b"\n\n", start, stop if crlf < 0 else crlf + 1)
    first = crlf if bare < 0 else bare
    return first + 1 if first >= 0 else None
