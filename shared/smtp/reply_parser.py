"""Finds the replies of an SMTP server (RFC 5321, section 4.2) in a stream of bytes.

Promises: the same replies however the bytes are cut, bounded memory, and `ProtocolViolation` for everything
that is not a reply.
"""

from __future__ import annotations

import re
from functools import lru_cache

from shared.model.errors import quoted
from shared.smtp.confidential import Confidential
from shared.smtp.errors import ProtocolViolation
from shared.smtp.reply import Reply

# Octets. RFC 5321, section 4.5.3.1.5 allows 512; servers that explain a refusal at length send more.
MAX_LINE = 4096
MAX_REPLY = 65536

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\n]*))?[ \t\r]*")


class ReplyParser:
    """Bytes in, replies out; what is not yet a whole reply is kept. What is `confidential` is in no error."""

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0
        self._lines: list[bytes] = []
        self._code = 0
        self._size = 0
        self.confidential: Confidential | None = None

    @property
    def buffered(self) -> bool:
        """Whether bytes are left that no reply was made of."""
        return self._position < len(self._buffer) or bool(self._lines)

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        rest = self._buffer[self._position :]
        self._buffer = rest + data if rest else data
        self._position = 0

    def next_reply(self) -> Reply | None:
        """The next reply, or None: more bytes are needed.

        Raises `ProtocolViolation` on anything that is not a reply and on what is too long; replies in front
        of it come out first.
        """
        while (end := self._buffer.find(b"\n", self._position)) >= 0:
            line = self._buffer[self._position : end]
            self._position = end + 1
            if (understood := _understood(line)) is None:
                raise ProtocolViolation(
                    f"The server sent something that is no SMTP reply: {self._shown(line)}.", said=line
                )
            reply, is_last = understood
            if is_last and not self._lines:
                return reply
            if (whole := self._gathered(line, reply, is_last)) is not None:
                return whole
        if self._position < len(self._buffer):
            self._check_length(len(self._buffer) - self._position)
        return None

    def _gathered(self, line: bytes, reply: Reply, is_last: bool) -> Reply | None:
        """The reply of several lines that `line` ends, if it ends one."""
        self._check_length(len(line))
        if self._lines and reply.code != self._code:
            raise ProtocolViolation(f"The server changed its mind within one reply: {self._shown(line)}.")
        self._code = reply.code
        self._lines += reply.lines
        self._size += len(line)
        return self._complete() if is_last else None

    def _complete(self) -> Reply:
        reply = Reply(self._code, tuple(self._lines))
        self._lines, self._size = [], 0
        return reply

    def _shown(self, line: bytes) -> str:
        return quoted(line if self.confidential is None else self.confidential.masked(line))

    def _check_length(self, length: int) -> None:
        _check_line(length)
        if self._size + length > MAX_REPLY:
            raise ProtocolViolation(f"The server sent a reply of more than {MAX_REPLY} octets.")


def _check_line(length: int) -> None:
    if length > MAX_LINE:
        raise ProtocolViolation(f"The server sent a reply line of more than {MAX_LINE} octets.")


@lru_cache(maxsize=128)
def _understood(line: bytes) -> tuple[Reply, bool] | None:
    """A line as the only one of a reply, and whether it ends one; None: it is no reply. Raises
    `ProtocolViolation` where it is too long.

    Servers say the same few things over and over, so what was understood is remembered.
    """
    _check_line(len(line))
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    code, separator, text = match.groups(b"")
    return Reply(int(code), (text.rstrip(),)), separator != b"-"
