"""Digests by which a mail is recognised when its UID cannot be trusted: one of its header, one of all its
octets.

The header's digest ignores line ends, and fields that servers write into stored mail for their own use.
"""

from __future__ import annotations

import hashlib
import re

from shared.model.header_bounds import OVERLAP, end_of_header

LONGEST_HEADER = 256 * 1024
_NAMING = re.compile(rb"(?:\A|\n)(received|message-id|date)[ \t]*:", re.IGNORECASE)
_SIZE = 16
_VOLATILE = re.compile(
    rb"\n(?:x-)?(?:status|keywords|uidl?|imapbase|mozilla-[a-z0-9-]+|content-length|lines)[ \t]*:[^\n]*"
    rb"(?:\n[ \t][^\n]*)*",
    re.IGNORECASE,
)


class Fingerprint:
    """The digests of one mail that comes in pieces; that of the content only `with_content`."""

    def __init__(self, *, with_content: bool) -> None:
        self._content = hashlib.blake2b(digest_size=_SIZE) if with_content else None
        self._beginning: bytes | bytearray = b""
        self._has_header = False
        self.octets = 0

    def feed(self, data: bytes) -> None:
        """The next bytes of the mail."""
        self.octets += len(data)
        if self._content is not None:
            self._content.update(data)
        if not self._has_header:
            seen = max(0, len(self._beginning) - OVERLAP)
            self._keep(data)
            self._has_header = (
                len(self._beginning) >= LONGEST_HEADER or end_of_header(self._beginning, seen) is not None
            )

    def _keep(self, data: bytes) -> None:
        """Keep the beginning; most mails come in one piece, which is not copied."""
        if not self._beginning:
            self._beginning = data
        elif isinstance(self._beginning, bytes):
            self._beginning = bytearray(self._beginning + data)
        else:
            self._beginning += data

    @property
    def header(self) -> str:
        """The digest of the header."""
        return header_digest(bytes(self._beginning))

    @property
    def names_one_mail(self) -> bool:
        """Whether the header is that of one mail, see `names_one_mail`."""
        return names_one_mail(bytes(self._beginning))

    @property
    def content(self) -> str:
        """The digest of the whole mail; "" without `with_content`."""
        return "" if self._content is None else self._content.hexdigest()


def header_digest(raw: bytes) -> str:
    """Return the digest of the header with which `raw` begins."""
    header = raw[: end_of_header(raw, 0, LONGEST_HEADER)][:LONGEST_HEADER]
    lines = _VOLATILE.sub(b"", b"\n" + header.replace(b"\r\n", b"\n").rstrip(b"\n"))
    return hashlib.blake2b(lines[1:] + b"\n" if lines else b"", digest_size=_SIZE).hexdigest()


def names_one_mail(raw: bytes) -> bool:
    """Return whether the header with which `raw` begins is that of one mail and its copies.

    It is with a Received line, or with Message-ID and Date: by these the router compares mails, too. Two
    drafts, or two mails of a device, may have one header.
    """
    end = end_of_header(raw, 0, LONGEST_HEADER)
    found = {name.lower() for name in _NAMING.findall(raw, 0, LONGEST_HEADER if end is None else end)}
    return b"received" in found or {b"message-id", b"date"} <= found
