"""Finds the replies of an SMTP server (RFC 5321, section 4.2) in a stream of bytes.

Promises: the same replies however the bytes are cut, bounded memory, and `ProtocolViolation` for everything
that is not a reply.
"""

from __future__ import annotations

import re

from shared.model.errors import quoted
from shared.smtp.errors import ProtocolViolation
from shared.smtp.reply import Reply

# Octets. RFC 5321, section 4.5.3.1.5 allows 512; servers that explain a refusal at length send more.
MAX_LINE = 4096
MAX_REPLY = 65536

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\n]*))?[ \t\r]*")


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
