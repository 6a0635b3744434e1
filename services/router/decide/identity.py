"""The identity of a mail: the digest by which copies of it are recognised.

A catch-all mailbox often gets one mail several times, once for each recipient. Such copies have the same
identity, so that each recipient gets the mail once.

What counts
- Copies differ in trace and delivery fields, in how servers fold the header, in LF or CRLF, and in empty
  lines at the end. None of these counts.
- The originator fields, the Resent fields and the body count, including trailing white space. A
  mail that is wrongly taken for a copy would be lost; a copy that is not recognised is merely delivered
  twice.

Which mails have the same identity (`dedup = "content"`)
- Equal content alone is enough only if Message-ID and Date are both present and usable. A program may well
  send the same text twice. Resending a mail with Resent fields makes another mail.
- Without a usable Message-ID or Date, the copies must also come from one transmission: the provider's
  topmost Received line must name the same two hosts, and times at most `NEAR_SLOTS` minutes apart. A line
  whose hosts or time cannot be read must be the same.
- With neither field, the whole header must be the same.
- Without any Received line there is nothing to go by: the mail is a copy of no other.

With `dedup = "message-id"`, the only Message-ID together with the Resent fields is enough. A mail without
exactly one Message-ID is treated as above.

A transmission is one delivery by a sending host to the provider. Copies of it arrive within minutes, each
perhaps with its own queue id and recipient. A mail that is fetched again has the same Received line.
"""

from __future__ import annotations

import hashlib
from calendar import timegm
from collections.abc import Iterable
from email.utils import parsedate_tz
from typing import NamedTuple

from services.router.header.fields import Header, HeaderField, can_parse_header, read_header
from services.router.header.received import UNREADABLE, read_client, read_hop
from shared.model.account import Dedup

ORIGINATOR_FIELDS = ("message-id", "date", "from", "to", "cc", "subject")
RESENT_FIELDS = (
    "resent-message-id", "resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc"
)  # fmt: skip
"""The fields that are the same in each copy of a resent mail, so without Resent-Bcc."""
_DIGEST_SIZE = 20
_NEWLINE_RUN = 64 * 1024
SLOT_SECONDS = 60
"""Times of transmissions are compared by the minute, so that near identities can be listed."""
NEAR_SLOTS = 4
"""Slots before and after. Copies that arrive within four minutes are recognised. Two mails that arrive five
minutes apart, as from a device that repeats itself, never count as copies.
"""
_DATE_LENGTH = 100
_FIRST_YEAR = 1990
"""Clocks of mail programs that were never set stand at 1970 or 1980."""


class Identities(NamedTuple):
    """A mail's own identity, and those of copies from a few minutes before or after, nearest first."""

    own: str
    near: tuple[str, ...] = ()


class IdentityHasher:
    """Computes the identity of a mail while it is read chunk by chunk. Only the header is kept in memory.

    `message` is the mail's id. It is the identity where duplicates are not looked for (`Dedup.OFF`).
    """

    def __init__(self, dedup: Dedup, message: str) -> None:
        self._dedup = dedup
        self._message = message
        self._beginning = bytearray()
        self._content: _ContentDigest | None = None

    def add_chunk(self, chunk: bytes) -> None:
        """Add the next octets of the mail."""
        if self._dedup is Dedup.OFF:
            return
        if self._content is not None:
            self._content.add_body(chunk)
            return
        seen = len(self._beginning)
        self._beginning += chunk
        if can_parse_header(self._beginning, seen):
            self._content = self._start_body()

    def identities(self) -> Identities:
        """Return the identities, each 40 hexadecimal digits, once the whole mail was added."""
        content = self._content or self._start_body()
        return _identities_of(content, self._dedup, self._message)

    def _start_body(self) -> _ContentDigest:
        raw = bytes(self._beginning)
        content = _ContentDigest(read_header(raw))
        content.add_body(raw[content.header.end :])
        return content


def identify(raw: bytes, header: Header, dedup: Dedup, message: str) -> Identities:
    """Return the identities of a whole mail whose header was parsed before."""
    content = _ContentDigest(header)
    if dedup is not Dedup.OFF:
        content.add_body(raw[header.end :])
    return _identities_of(content, dedup, message)


def _identities_of(content: _ContentDigest, dedup: Dedup, message: str) -> Identities:
    header = content.header
    if dedup is Dedup.OFF:
        return Identities(message)
    named = _message_id(header)
    if dedup is Dedup.MESSAGE_ID and named:
        resent = _canonical_lines(_fields_named(header, RESENT_FIELDS))
        return Identities(_digest(b"message-id", b"\n".join((named, *resent))))
    if named and read_moment(header.first_value("date")) is not None:
        return Identities(content.hexdigest())
    transmission = read_transmission(header)
    text = content.hexdigest()
    if transmission is None:
        return Identities(_digest(b"mail", f"{text} {message}".encode()))
    if transmission.minute is None or not (named or header.first_value("date")):
        return Identities(_digest(b"line", f"{text} {transmission.hosts}".encode()))
    minutes = [transmission.minute + each for each in sorted(range(-NEAR_SLOTS, NEAR_SLOTS + 1), key=abs)]
    own, *near = [
        _digest(b"transmission", f"{text} {transmission.hosts} {minute}".encode()) for minute in minutes
    ]
    return Identities(own, tuple(near))


def _digest(kind: bytes, text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=_DIGEST_SIZE, person=kind).hexdigest()


class _ContentDigest:
    """The digest of the significant fields and the body, with LF line ends and without empty last lines."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self._digest = hashlib.blake2b(digest_size=_DIGEST_SIZE, person=b"content")
        lines = [line + b"\n" for line in _canonical_lines(_significant_fields(header))]
        self._digest.update(b"".join((*lines, b"\n")))
        self._pending_cr = b""
        self._pending_newlines = 0

    def add_body(self, chunk: bytes) -> None:
        """Add the next octets of the body. A final CR waits for its LF, final line ends for more text."""
        chunk = self._pending_cr + chunk
        self._pending_cr = b"\r" if chunk.endswith(b"\r") else b""
        lines = chunk[: len(chunk) - len(self._pending_cr)].replace(b"\r\n", b"\n")
        text = lines.rstrip(b"\n")
        if text:
            self._release_newlines()
            self._digest.update(text)
        self._pending_newlines += len(lines) - len(text)

    def hexdigest(self) -> str:
        """Return the digest, once the whole body was added."""
        if self._pending_cr:
            self._release_newlines()
            self._digest.update(self._pending_cr)
            self._pending_cr = b""
        return self._digest.hexdigest()

    def _release_newlines(self) -> None:
        while self._pending_newlines:
            run = min(self._pending_newlines, _NEWLINE_RUN)
            self._digest.update(b"\n" * run)
            self._pending_newlines -= run


def _significant_fields(header: Header) -> Iterable[HeaderField]:
    """Return the fields that count, in a fixed order. Lines that are no field count as well."""
    if not (_message_id(header) or header.first_value("date")):
        return header.fields
    return _fields_named(header, (*ORIGINATOR_FIELDS, *RESENT_FIELDS, ""))


def _fields_named(header: Header, names: Iterable[str]) -> list[HeaderField]:
    return [field for name in names for field in header.all_named(name)]


def _canonical_lines(fields: Iterable[HeaderField]) -> list[bytes]:
    return [b"%s:%s" % (field.name.encode("ascii"), _normalised(field.value)) for field in fields]


def _message_id(header: Header) -> bytes:
    """Return the mail's only Message-ID; b"" where there is none, an empty one, or several."""
    found = [_normalised(field.value) for field in header.all_named("message-id")]
    return found[0] if len(found) == 1 and found[0].strip(b"<> ") else b""


def _normalised(value: bytes) -> bytes:
    return b" ".join(value.split())


class Transmission(NamedTuple):
    """The hosts of the topmost Received line, and its time in minutes since the epoch.

    Where these cannot be read, `hosts` is the whole line and `minute` is None.
    """

    hosts: str
    minute: int | None


def read_transmission(header: Header) -> Transmission | None:
    """Return the transmission of the mail with this header; None without any Received line."""
    lines = header.all_named("received")
    if not lines:
        return None
    line = lines[0].unfolded
    hop, moment = read_hop(line), read_moment(line.rpartition(b";")[2])
    if hop is UNREADABLE or moment is None:
        return Transmission(b" ".join(line.split()).decode("latin-1"), None)
    client = read_client(line)
    return Transmission(f"{hop.by} {client.name} {client.ip}", moment // SLOT_SECONDS)


def read_moment(date: bytes) -> int | None:
    """Parse a date and time (RFC 5322 section 3.3) into seconds since the epoch.

    None where it cannot be parsed, or comes from a clock that was never set.
    """
    try:
        parsed = parsedate_tz(date[:_DATE_LENGTH].decode("ascii", "replace"))
        if parsed is None or parsed[0] < _FIRST_YEAR:
            return None
        return timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
