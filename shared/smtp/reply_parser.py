"""Parses the replies of an SMTP server (RFC 5321, section 4.2) from a stream of bytes.

The replies are the same however the bytes are cut. Memory is bounded. Everything that is not a reply raises
`ProtocolViolation`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from shared.model.errors import quoted
from shared.smtp.errors import ProtocolViolation
from shared.smtp.reply import Reply
from shared.smtp.reply_masking import ReplyMasker

# Octets. RFC 5321, section 4.5.3.1.5 allows 512; servers that explain a refusal at length send more.
MAX_LINE = 4096
MAX_REPLY = 65536

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\n]*))?[ \t\r]*")


class ReplyParser:
    """Parses bytes into replies and keeps an unfinished reply. `masker` takes secrets out of its errors."""

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0
        self._lines: list[bytes] = []
        self._code = 0
        self._size = 0
        self.masker: ReplyMasker | None = None

    @property
    def buffered(self) -> bool:
        """Whether bytes are left that are not part of a returned reply."""
        return self._position < len(self._buffer) or bool(self._lines)

    def receive(self, data: bytes) -> None:
        """Add bytes that the server sent."""
        rest = self._buffer[self._position :]
        self._buffer = rest + data if rest else data
        self._position = 0

    def next_reply(self) -> Reply | None:
        """Return the next reply, or None if more bytes are needed.

        Raises `ProtocolViolation` on anything that is no reply or too long, after the replies before it.
        """
        while (end := self._buffer.find(b"\n", self._position)) >= 0:
            line = self._buffer[self._position : end]
            self._position = end + 1
            if (parsed := _parse_line(line)) is None:
                raise ProtocolViolation(
                    f"The server sent something that is no SMTP reply: {self._shown(line)}.", said=line
                )
            reply, is_last = parsed
            if is_last and not self._lines:
                return reply
            if (whole := self._add_line(line, reply, is_last)) is not None:
                return whole
        if self._position < len(self._buffer):
            self._check_length(len(self._buffer) - self._position)
        return None

    def _add_line(self, line: bytes, reply: Reply, is_last: bool) -> Reply | None:
        """Add a line to a reply of several lines; return the reply if it is complete."""
        self._check_length(len(line))
        if self._lines and reply.code != self._code:
            raise ProtocolViolation(f"The server changed the code within one reply: {self._shown(line)}.")
        self._code = reply.code
        self._lines += reply.lines
        self._size += len(line)
        return self._complete() if is_last else None

    def _complete(self) -> Reply:
        reply = Reply(self._code, tuple(self._lines))
        self._lines, self._size = [], 0
        return reply

    def _shown(self, line: bytes) -> str:
        return quoted(line if self.masker is None else self.masker.mask_text(line))

    def _check_length(self, length: int) -> None:
        _check_line(length)
        if self._size + length > MAX_REPLY:
            raise ProtocolViolation(f"The server sent a reply of more than {MAX_REPLY} octets.")


def _check_line(length: int) -> None:
    if length > MAX_LINE:
        raise ProtocolViolation(f"The server sent a reply line of more than {MAX_LINE} octets.")


@lru_cache(maxsize=128)
def _parse_line(line: bytes) -> tuple[Reply, bool] | None:
    """Return a line as a reply of one line, and whether it is the last; None if it is no reply.

    Raises `ProtocolViolation` if it is too long. Results are cached, as servers repeat the same few lines.
    """
    _check_line(len(line))
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    code, separator, text = match.groups(b"")
    return Reply(int(code), (text.rstrip(),)), separator != b"-"
