"""Which transmission a mail came by, as the provider's own topmost Received line says.

Copies of one mail reach a mailbox within minutes, by the same sending hop, and each may have a queue id and a
recipient of its own. A mail that is fetched again has the same line.
"""

from __future__ import annotations

from calendar import timegm
from email.utils import parsedate_tz
from typing import NamedTuple

from services.router.header.fields import Header
from services.router.header.hop import UNREADABLE, read_client, read_hop

SLOT = 60
"""Seconds. A moment is known by its minute, so that near moments are found by their names."""
REACH = 4
"""Slots before and after. Two copies that come within four minutes are recognised, and two mails that come
five minutes apart, as an impatient device sends them, never are.
"""
_DATE_LENGTH = 100
_FIRST_YEAR = 1990
"""Mail clocks that were never set stand at 1970 or 1980."""


class Transmission(NamedTuple):
    """The sending hop: who wrote the topmost Received line and whom he had the mail from; and the minute in
    which he did, since the epoch. Where these cannot be read, the line itself, and no minute.
    """

    hop: str
    minute: int | None


def read_transmission(header: Header) -> Transmission | None:
    """The transmission of the mail with this header; None where no server noted anything."""
    lines = header.all("received")
    if not lines:
        return None
    line = lines[0].unfolded
    hop, moment = read_hop(line), read_moment(line.rpartition(b";")[2])
    if hop is UNREADABLE or moment is None:
        return Transmission(b" ".join(line.split()).decode("latin-1"), None)
    client = read_client(line)
    return Transmission(f"{hop.by} {client.name} {client.ip}", moment // SLOT)


def read_moment(date: bytes) -> int | None:
    """A date and time (RFC 5322 section 3.3) in seconds since the epoch; None where it tells none, or one of
    a clock that was never set.
    """
    try:
        parsed = parsedate_tz(date[:_DATE_LENGTH].decode("ascii", "replace"))
        if parsed is None or parsed[0] < _FIRST_YEAR:
            return None
        return timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
