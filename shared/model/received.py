"""When a server received a mail, by the mail's header."""

from __future__ import annotations

import re
from calendar import timegm
from email.utils import parsedate_tz

from shared.model.header_bounds import end_of_header

LONGEST_DATE = 200
"""Octets of a date that are parsed: a real one with comments has some 60."""
FIRST_YEAR = 1990
"""Earlier dates come from a clock that was never set."""
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_RECEIVED = re.compile(rb"^received[ \t]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_DATE = re.compile(rb"^date[ \t]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def received_at(raw: bytes) -> float | None:
    """Return when the mail that begins with `raw` was received, in seconds since the epoch.

    The newest Received line tells, which is the first one (RFC 5321, section 4.4). Where there is none, the
    Date does. None where neither can be read.
    """
    header = _FOLDED.sub(b" ", raw[: end_of_header(raw, 0, len(raw))])
    if newest := _RECEIVED.search(header):
        return read_moment(newest[1].rpartition(b";")[2])
    sent = _DATE.search(header)
    return None if sent is None else read_moment(sent[1])


def read_moment(date: bytes) -> float | None:
    """Parse a date and time (RFC 5322, section 3.3); without a zone it is in UTC. None if it is none."""
    try:
        parsed = parsedate_tz(date.strip()[:LONGEST_DATE].decode("ascii", "replace"))
        if parsed is None or parsed[0] < FIRST_YEAR:
            return None
        return float(timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
