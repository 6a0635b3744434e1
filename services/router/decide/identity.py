"""What makes two mails the same: their originator fields and their body, not the way they came.

Copies of one mail differ in trace and delivery fields, in how servers fold the header, in LF or CRLF, and in
empty lines at the end; none of these counts. Everything else in the body does, trailing white space included:
a mail taken for another one would be lost, one not recognised is merely delivered twice.

The same words twice are not the same mail. Content alone is a strong identity only where both Message-ID and
Date are there and usable; whoever sends a mail anew by `Resent-` fields makes another one. Any other mail is
the same only if the provider's topmost Received line says that it is one transmission, and where there is no
such line it is like no other. Where there is neither Message-ID nor Date, the whole header has to agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from services.router.decide.transmission import REACH, read_moment, read_transmission
from services.router.header.fields import Header, HeaderField, header_is_here, read_header
from shared.model.account import Dedup

ORIGINATOR_FIELDS = ("message-id", "date", "from", "to", "cc", "subject")
RESENT_FIELDS = (
    "resent-message-id", "resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc"
)  # fmt: skip
"""All that is the same in each copy of what was resent, so without Resent-Bcc."""
_DIGEST_SIZE = 20
_RUN = 64 * 1024


class Identities(NamedTuple):
    """A mail's own identity, and those that the same mail may have if it came minutes before or
    after, nearest first.
    """

    own: str
    near: tuple[str, ...] = ()


class Identity:
    """The identity of one mail, computed while it streams by; any division into chunks gives the same result.

    `message` is the mail's id, and the identity where duplicates are not looked for. Only the header is kept.
    """

    def __init__(self, dedup: Dedup, message: str) -> None:
        self._dedup = dedup
        self._message = message
        self._beginning = bytearray()
        self._content: _Content | None = None

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the mail."""
        if self._dedup is Dedup.OFF:
            return
        if self._content is not None:
            self._content.feed(chunk)
            return
        seen = len(self._beginning)
        self._beginning += chunk
        if header_is_here(self._beginning, seen):
            self._content = self._begun()

    def value(self) -> str:
        """The identity, once the whole mail was fed: 40 hexadecimal digits, or the mail's id."""
        return self.values().own

    def values(self) -> Identities:
        """The same, with the identities near it."""
        content = self._content or self._begun()
        return _chosen(content, self._dedup, self._message)

    def _begun(self) -> _Content:
        raw = bytes(self._beginning)
        content = _Content(read_header(raw))
        content.feed(raw[content.header.end :])
        return content


def identify(raw: bytes, header: Header, dedup: Dedup, message: str) -> str:
    """The identity of a whole mail whose header was read before; the same as `Identity` gives."""
    return identities(raw, header, dedup, message).own


def identities(raw: bytes, header: Header, dedup: Dedup, message: str) -> Identities:
    """The same, with the identities near it."""
    content = _Content(header)
    if dedup is not Dedup.OFF:
        content.feed(raw[header.end :])
    return _chosen(content, dedup, message)


def _chosen(content: _Content, dedup: Dedup, message: str) -> Identities:
    header = content.header
    if dedup is Dedup.OFF:
        return Identities(message)
    named = _message_id(header)
    if dedup is Dedup.MESSAGE_ID and named:
        return Identities(
            _digest(b"message-id", b"\n".join((named, *_lines(_fields(header, RESENT_FIELDS)))))
        )
    if named and read_moment(header.first("date")) is not None:
        return Identities(content.hexdigest())
    transmission = read_transmission(header)
    text = content.hexdigest()
    if transmission is None:
        return Identities(_digest(b"mail", f"{text} {message}".encode()))
    if transmission.minute is None or not (named or header.first("date")):
        return Identities(_digest(b"line", f"{text} {transmission.hop}".encode()))
    minutes = [transmission.minute + each for each in sorted(range(-REACH, REACH + 1), key=abs)]
    own, *near = [
        _digest(b"transmission", f"{text} {transmission.hop} {minute}".encode()) for minute in minutes
    ]
    return Identities(own, tuple(near))


def _digest(kind: bytes, text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=_DIGEST_SIZE, person=kind).hexdigest()


class _Content:
    """The digest of the significant fields and of the body, with LF line ends and no empty last lines."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self._digest = hashlib.blake2b(digest_size=_DIGEST_SIZE, person=b"content")
        lines = [line + b"\n" for line in _lines(_significant(header))]
        self._digest.update(b"".join((*lines, b"\n")))
        self._held_return = b""
        self._held_newlines = 0

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the body. A final CR waits for its LF, final line ends wait for more text."""
        chunk = self._held_return + chunk
        self._held_return = b"\r" if chunk.endswith(b"\r") else b""
        lines = chunk[: len(chunk) - len(self._held_return)].replace(b"\r\n", b"\n")
        text = lines.rstrip(b"\n")
        if text:
            self._release_newlines()
            self._digest.update(text)
        self._held_newlines += len(lines) - len(text)

    def hexdigest(self) -> str:
        """The digest, when the whole body was fed."""
        if self._held_return:
            self._release_newlines()
            self._digest.update(self._held_return)
            self._held_return = b""
        return self._digest.hexdigest()

    def _release_newlines(self) -> None:
        while self._held_newlines:
            run = min(self._held_newlines, _RUN)
            self._digest.update(b"\n" * run)
            self._held_newlines -= run


def _significant(header: Header) -> Iterable[HeaderField]:
    """The fields that count, in an order of their own; lines that are no field count as well."""
    if not (_message_id(header) or header.first("date")):
        return header.fields
    return _fields(header, (*ORIGINATOR_FIELDS, *RESENT_FIELDS, ""))


def _fields(header: Header, names: Iterable[str]) -> list[HeaderField]:
    return [field for name in names for field in header.all(name)]


def _lines(fields: Iterable[HeaderField]) -> list[bytes]:
    return [b"%s:%s" % (field.name.encode("ascii"), _normalised(field.value)) for field in fields]


def _message_id(header: Header) -> bytes:
    """The mail's only Message-ID; nothing if it is empty, or if there are several, which tell nothing."""
    found = [_normalised(field.value) for field in header.all("message-id")]
    return found[0] if len(found) == 1 and found[0].strip(b"<> ") else b""


def _normalised(value: bytes) -> bytes:
    return b" ".join(value.split())
