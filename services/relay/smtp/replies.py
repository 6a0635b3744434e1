"""Replies of an SMTP server (RFC 5321, section 4.2) and the parser that finds them in a stream of bytes.

The parser promises: the same replies however the bytes are cut, bounded memory, and `ProtocolViolation` for
everything that is not a reply. Text of the server is kept raw; `Reply.text` makes it safe to show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from services.relay.smtp.errors import ProtocolViolation
from shared.model.errors import quoted

# Octets. RFC 5321, section 4.5.3.1.5 allows 512; servers that explain a refusal at length send more.
MAX_LINE = 4096
MAX_REPLY = 65536

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\n]*))?[ \t\r]*")
_ENHANCED = re.compile(rb"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")


class EnhancedStatus(NamedTuple):
    """An enhanced status code, as in `5.1.1` (RFC 3463)."""

    status_class: int
    subject: int
    detail: int

    @property
    def text(self) -> str:
        """As it is written, with dots."""
        return f"{self.status_class}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code and the text of each line (at least one), without code and line end.

    `local` marks a reply that no server gave: this client refused first, and says so in the same form.
    """

    code: int
    lines: tuple[bytes, ...]
    local: bool = False

    @property
    def severity(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 no (RFC 5321, section 4.2.1)."""
        return self.code // 100

    @property
    def positive(self) -> bool:
        """Whether the command was carried out."""
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> EnhancedStatus | None:
        """The code that opens the text (RFC 2034); None where it is missing or contradicts `code`."""
        match = _ENHANCED.match(self.lines[0])
        if match is None or int(match[1]) != self.severity:
            return None
        return EnhancedStatus(*map(int, match.groups()))

    @property
    def text(self) -> str:
        """Code and text on one line, escaped and cut, fit for logs and error messages."""
        return f"{self.code} {quoted(b' '.join(self.lines))}".rstrip()


class ReplyParser:
    """Bytes in, replies out; what is not yet a whole reply is kept."""

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0
        self._lines: list[bytes] = []
        self._code = b""
        self._size = 0

    @property
    def buffered(self) -> bool:
        """Whether bytes are left that no reply was made of."""
        return self._position < len(self._buffer) or bool(self._lines)

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._buffer = self._buffer[self._position :] + data
        self._position = 0

    def next_reply(self) -> Reply | None:
        """The next reply, or None: more bytes are needed.

        Raises `ProtocolViolation` on anything that is not a reply and on what is too long; replies in front
        of it come out first.
        """
        while (end := self._buffer.find(b"\n", self._position)) >= 0:
            line = self._buffer[self._position : end]
            self._position = end + 1
            if self._is_last(line):
                return self._complete()
        self._check_length(len(self._buffer) - self._position)
        return None

    def _is_last(self, line: bytes) -> bool:
        self._check_length(len(line))
        match = _LINE.fullmatch(line)
        if match is None:
            raise ProtocolViolation(f"The server sent something that is no SMTP reply: {quoted(line)}.")
        code, separator, text = match.groups(b"")
        if self._lines and code != self._code:
            raise ProtocolViolation(f"The server changed its mind within one reply: {quoted(line)}.")
        self._code = code
        self._lines.append(text.rstrip())
        self._size += len(line)
        return separator != b"-"

    def _complete(self) -> Reply:
        reply = Reply(int(self._code), tuple(self._lines))
        self._lines, self._size = [], 0
        return reply

    def _check_length(self, length: int) -> None:
        if length > MAX_LINE:
            raise ProtocolViolation(f"The server sent a reply line of more than {MAX_LINE} octets.")
        if self._size + length > MAX_REPLY:
            raise ProtocolViolation(f"The server sent a reply of more than {MAX_REPLY} octets.")
