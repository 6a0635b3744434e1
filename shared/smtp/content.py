"""The content of a mail on its way into DATA: line ends, dot-stuffing, end mark (RFC 5321, sections 2.3.8,
4.5.2).

Bare CR and bare LF become CRLF, because a server that takes either for a line end could be made to see the
end of the mail, and another mail behind it, inside this one (SMTP smuggling, CVE-2023-51764). Nothing else is
changed. Everything works on whole chunks at once; how the content is cut into chunks makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass

END = b".\r\n"


@dataclass(frozen=True, slots=True)
class PreparedContent:
    """A whole mail, ready to be sent.

    `size` is what SIZE declares: octets with CRLF line ends, unstuffed, no end mark (RFC 1870, section 3).
    `wire` is what follows the 354, end mark included.
    """

    size: int
    eight_bit: bool
    wire: bytes


def prepare(content: bytes) -> PreparedContent:
    """The whole mail at once."""
    lines = _with_crlf(content)
    if lines and not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    wire = _stuffed(lines, at_line_start=True) + END
    return PreparedContent(size=len(lines), eight_bit=not content.isascii(), wire=wire)


class ContentEncoder:
    """The same as a stream: `feed` each chunk, then send what `finish` gives."""

    def __init__(self) -> None:
        self._held = b""
        self._at_line_start = True

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent now; a CR at the end waits for the LF that may follow it."""
        data = self._held + chunk
        self._held = b""
        if data.endswith(b"\r"):
            self._held, data = b"\r", data[:-1]
        return self._encoded(data)

    def finish(self) -> bytes:
        """The rest, the last line end if the mail lacks it, and the end mark."""
        rest = self._encoded(self._held)
        self._held = b""
        if not self._at_line_start:
            rest += b"\r\n"
        return rest + END

    def _encoded(self, data: bytes) -> bytes:
        if not data:
            return b""
        lines = _with_crlf(data)
        encoded = _stuffed(lines, at_line_start=self._at_line_start)
        self._at_line_start = lines.endswith(b"\r\n")
        return encoded


def _with_crlf(data: bytes) -> bytes:
    bare = data.replace(b"\r\n", b"")
    if b"\n" not in bare and b"\r" not in bare:
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _stuffed(lines: bytes, *, at_line_start: bool) -> bytes:
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if at_line_start and stuffed.startswith(b".") else stuffed
