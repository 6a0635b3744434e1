"""Encodes the content of a mail for a server: line ends, and for DATA dot-stuffing and end mark (RFC 5321,
sections 2.3.8 and 4.5.2).

Bare CR and bare LF become CRLF. Otherwise a server that takes either for a line end could see the end of the
mail, and another mail behind it, inside this one (SMTP smuggling, CVE-2023-51764). Nothing else is changed.
How the content is cut into parts makes no difference.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import NamedTuple

END = b".\r\n"


class PreparedContent(NamedTuple):
    """A whole mail with CRLF line ends throughout."""

    lines: bytes
    eight_bit: bool

    @property
    def size(self) -> int:
        """The octets that SIZE declares: unstuffed, without end mark (RFC 1870, section 3)."""
        return len(self.lines) + (0 if self._is_ended else 2)

    @property
    def wire(self) -> bytes:
        """The bytes that follow the 354 to DATA, with end mark."""
        stuffed = _stuffed(self.lines, at_line_start=True)
        return stuffed + END if self._is_ended else stuffed + b"\r\n" + END

    @property
    def has_nul(self) -> bool:
        """Whether it has a NUL, which DATA should not carry (RFC 5321, section 4.5.2)."""
        return b"\0" in self.lines

    @property
    def _is_ended(self) -> bool:
        return not self.lines or self.lines.endswith(b"\r\n")


def prepare(content: bytes) -> PreparedContent:
    """Prepare a whole mail."""
    return PreparedContent(_with_crlf(content), eight_bit=not content.isascii())


class LineEncoder:
    """Makes CRLF line ends and nothing else, for BDAT (RFC 3030): no stuffing, no end mark."""

    def __init__(self) -> None:
        self._held = b""

    def encode_part(self, part: bytes) -> bytes:
        """Return what can be sent now; a CR at the end waits for the LF that may follow it."""
        data = self._held + part if self._held else part
        self._held = b"\r" if data.endswith(b"\r") else b""
        return _with_crlf(data[:-1] if self._held else data)

    def finish(self) -> bytes:
        """Return the CR that was held, as a line end."""
        rest, self._held = _with_crlf(self._held), b""
        return rest


class ContentEncoder:
    """Encodes content for DATA: CRLF line ends, dots stuffed, an end mark."""

    def __init__(self) -> None:
        self._lines = LineEncoder()
        self._at_line_start = True

    def encode_part(self, part: bytes) -> bytes:
        """Return what can be sent now."""
        return self._encoded(self._lines.encode_part(part))

    def finish(self) -> bytes:
        """Return the rest, the last line end if the mail lacks it, and the end mark."""
        rest = self._encoded(self._lines.finish())
        return rest + END if self._at_line_start else rest + b"\r\n" + END

    def _encoded(self, lines: bytes) -> bytes:
        if not lines:
            return b""
        encoded = _stuffed(lines, at_line_start=self._at_line_start)
        self._at_line_start = lines.endswith(b"\r\n")
        return encoded


async def join_parts(parts: AsyncIterable[bytes], octets: int) -> AsyncIterator[bytes]:
    """Yield chunks of at least `octets` with CRLF line ends; the last may be smaller, none is empty."""
    encoder, chunk, length = LineEncoder(), list[bytes](), 0
    async for part in parts:
        chunk.append(encoder.encode_part(part))
        length += len(chunk[-1])
        if length >= octets:
            yield b"".join(chunk)
            chunk, length = [], 0
    last = b"".join([*chunk, encoder.finish()])
    if last:
        yield last


def _with_crlf(data: bytes) -> bytes:
    lines = data.count(b"\r\n")
    if b"\n" not in data.replace(b"\n", b" ", lines) and b"\r" not in data.replace(b"\r", b" ", lines):
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _stuffed(lines: bytes, *, at_line_start: bool) -> bytes:
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if at_line_start and stuffed.startswith(b".") else stuffed
