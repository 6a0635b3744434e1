"""What a mail is recognised by when its UID cannot be trusted: a digest of its header, and one of all of it.

Line ends do not count, nor do header fields that servers write into stored mail to remember something.
"""

from __future__ import annotations

import hashlib
import re

LONGEST_HEADER = 256 * 1024
_SIZE = 16
_VOLATILE = re.compile(
    rb"^(?:x-)?(?:status|keywords|uidl?|imapbase|mozilla-[a-z0-9-]+|content-length|lines)[ \t]*:[^\n]*\n"
    rb"(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_BLANK = re.compile(rb"\r?\n\r?\n")


class Fingerprint:
    """The digests of one mail, fed in any division into pieces; `content` only where it is asked for."""

    def __init__(self, *, with_content: bool) -> None:
        self._content = hashlib.blake2b(digest_size=_SIZE) if with_content else None
        self._beginning = bytearray()
        self._has_header = False

    def feed(self, data: bytes) -> None:
        """The next bytes of the mail."""
        if self._content is not None:
            self._content.update(data)
        if not self._has_header:
            seen = max(0, len(self._beginning) - 3)
            self._beginning += data
            self._has_header = (
                _BLANK.search(self._beginning, seen) is not None or len(self._beginning) >= LONGEST_HEADER
            )

    @property
    def header(self) -> str:
        """The digest of the header."""
        return header_digest(bytes(self._beginning))

    @property
    def content(self) -> str:
        """The digest of the whole mail; "" where none was wanted."""
        return "" if self._content is None else self._content.hexdigest()


def header_digest(raw: bytes) -> str:
    """The digest of the header with which `raw` begins."""
    header = raw[:LONGEST_HEADER]
    if header[:2] == b"\r\n" or header[:1] == b"\n":
        header = b""
    elif (blank := _BLANK.search(header)) is not None:
        header = header[: blank.start()]
    plain = header.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"
    return hashlib.blake2b(_VOLATILE.sub(b"", plain), digest_size=_SIZE).hexdigest()
