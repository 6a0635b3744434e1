"""Multi-line answers (RFC 1939, section 3): finds the line with the lone dot and takes the stuffed dots out.

Never looks at single lines and copies nothing that lies whole in one read: a 4 kB mail costs two searches.
Only lines that end in CRLF count; bare LF, bare CR, NUL and anything else pass through untouched.
"""

from __future__ import annotations

CRLF = b"\r\n"
_TERMINATOR = b"\r\n.\r\n"
_STUFFED = b"\r\n.."
_UNSTUFFED = b"\r\n."


class BodyDecoder:
    """Decodes one answer, fed in any pieces.

    The CRLF of the status line counts as the first line end, which makes an empty answer and a dot at the
    very start no special cases.
    """

    __slots__ = ("_fresh", "_tail")

    def __init__(self) -> None:
        self._tail = CRLF
        self._fresh = True

    def feed(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Decode `data` from `start` on.

        Returns the decoded bytes and the position behind the terminator, or -1 if the answer goes on in the
        next piece.
        """
        if self._fresh and data[max(start - 2, 0) : start] == CRLF:
            region, begin, shift = data, start - 2, 0
        else:
            region, begin, shift = self._tail + data[start:], 0, start - len(self._tail)
        end = region.find(_TERMINATOR, begin)
        if end >= 0:
            return self._decoded(region, begin, end + 2), end + len(_TERMINATOR) + shift
        self._tail = _possible_terminator(region)
        return self._decoded(region, begin, len(region) - len(self._tail)), -1

    def _decoded(self, region: bytes, begin: int, stop: int) -> bytes:
        """The bytes from `begin` to `stop` without stuffed dots, and without the status line's CRLF."""
        if stop == begin:
            return b""
        skip = len(CRLF) if self._fresh else 0
        self._fresh = False
        if region.find(_STUFFED, begin, stop) < 0:
            return region[begin + skip : stop]
        return region[begin:stop].replace(_STUFFED, _UNSTUFFED)[skip:]


def _possible_terminator(region: bytes) -> bytes:
    """The longest end of `region` that may be the beginning of the terminator."""
    for length in range(len(_TERMINATOR) - 1, 0, -1):
        if region.endswith(_TERMINATOR[:length]):
            return _TERMINATOR[:length]
    return b""
