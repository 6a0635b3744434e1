"""Multi-line answers (RFC 1939, section 3): find the line with the lone dot, and remove the stuffed dots.

The decoder never looks at single lines, and copies nothing that arrived in one piece: a 4 kB mail costs two
searches. Only lines that end in CRLF count; bare LF, bare CR, NUL and all other octets pass unchanged.

Servers exist that do not stuff dots. Their answers are decoded like all others, but the decoder counts the
dots that it removed, and notes a dot that another server would have doubled. A mail of known size can be read
from such a server as it is (`SizedDecoder`).
"""

from __future__ import annotations

from shared.model.source_errors import LimitExceeded, SourceViolation
from shared.pop3.commands import Command, Verb
from shared.pop3.events import Body, BodyData, BodyEnded, BodyStarted, Event
from shared.pop3.limits import Limits

CRLF = b"\r\n"
_TERMINATOR = b"\r\n.\r\n"
_DOTTED = b"\r\n."
_STUFFED = b"\r\n.."
_UNSTUFFED = b"\r\n."
_MAILS = frozenset({Verb.RETR, Verb.TOP})


class BodyDecoder:
    """Decodes one answer that arrives in any pieces.

    The CRLF of the status line counts as the first line end, so that an empty answer and a dot at the very
    start are no special cases. `unstuffed` counts the dots removed so far. `saw_bare_dot`: a line began with
    a dot that was neither doubled nor the end.
    """

    __slots__ = ("_fresh", "_tail", "saw_bare_dot", "unstuffed")

    def __init__(self) -> None:
        self._tail = CRLF
        self._fresh = True
        self.unstuffed = 0
        self.saw_bare_dot = False

    def decode(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Decode `data` from `start` on.

        Returns the decoded octets and the position after the terminator, or -1 if the answer continues in the
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
        """Return the octets from `begin` to `stop` without stuffed dots and the status line's CRLF."""
        if stop == begin:
            return b""
        skip = len(CRLF) if self._fresh else 0
        self._fresh = False
        first = region.find(_DOTTED, begin, stop)
        if first < 0:
            return region[begin + skip : stop]
        stuffed = region.count(_STUFFED, first, stop)
        self.unstuffed += stuffed
        self.saw_bare_dot = self.saw_bare_dot or region.count(_DOTTED, first, stop) > stuffed
        return region[begin:stop].replace(_STUFFED, _UNSTUFFED)[skip:]


class SizedDecoder:
    """Takes one answer of `size` octets as it is, and expects the terminator after them.

    Raises ValueError where it is not there.
    """

    __slots__ = ("_behind", "_ended_in_crlf", "_left", "saw_bare_dot", "unstuffed")

    def __init__(self, size: int) -> None:
        self._left = size
        self._ended_in_crlf = CRLF if not size else b""
        self._behind = b""
        self.unstuffed = 0
        self.saw_bare_dot = False

    def decode(self, data: bytes, start: int) -> tuple[bytes, int]:
        """As `BodyDecoder.decode`."""
        taken = data[start : start + self._left]
        self._left -= len(taken)
        self._ended_in_crlf = (self._ended_in_crlf + taken[-len(CRLF) :])[-len(CRLF) :]
        position = start + len(taken)
        if self._left:
            return taken, -1
        expected = _TERMINATOR[len(CRLF) :] if self._ended_in_crlf == CRLF else _TERMINATOR
        missing = len(expected) - len(self._behind)
        self._behind += data[position : position + missing]
        if not expected.startswith(self._behind):
            raise ValueError("no end where the size says")
        whole = len(self._behind) == len(expected)
        return taken, position + missing if whole else -1


def _possible_terminator(region: bytes) -> bytes:
    """Return the longest end of `region` that may be the beginning of the terminator."""
    for length in range(len(_TERMINATOR) - 1, 0, -1):
        if region.endswith(_TERMINATOR[:length]):
            return _TERMINATOR[:length]
    return b""


class BodyAssembly:
    """The answer to one command, which is held while it is small, and passed on in pieces when it is not."""

    __slots__ = (
        "_command",
        "_decoder",
        "_held",
        "_hold",
        "_meter",
        "_most",
        "_octets",
        "_server",
        "_streaming",
    )

    def __init__(self, command: Command, limits: Limits, server: str) -> None:
        is_mail = command.verb in _MAILS
        self._command = command
        self._server = server
        self._meter = None if is_mail else limits.meter
        self._hold = limits.whole if is_mail else limits.listing
        self._most = limits.mail if is_mail else limits.listing
        self._decoder = BodyDecoder() if command.size is None else SizedDecoder(command.size)
        self._held: list[bytes] = []
        self._octets = 0
        self._streaming = False

    def take_octets(self, data: bytes, start: int, events: list[Event]) -> int:
        """Take `data` from `start` on, and append the resulting events to `events`.

        Returns the position after the answer, or -1 if it continues. Raises `LimitExceeded`, what the meter
        raises, and `SourceViolation` where an answer of known size does not end there.
        """
        try:
            decoded, position = self._decoder.decode(data, start)
        except ValueError as error:
            raise SourceViolation(
                f"{self._server} did not end its answer to {self._command.shown} where the mail's size says."
            ) from error
        self._octets += len(decoded)
        if self._octets > self._most:
            raise LimitExceeded(
                f"{self._server} sent more than {self._most} octets in answer to {self._command.shown}."
            )
        if self._meter is not None:
            self._meter.listed(len(decoded), decoded.count(b"\n"))
        if position >= 0 and not self._held and not self._streaming and self._octets <= self._hold:
            events.append(self._body(decoded))
            return position
        if decoded:
            self._keep(decoded, events)
        if position >= 0:
            self._complete(events)
        return position

    def _keep(self, decoded: bytes, events: list[Event]) -> None:
        if not self._streaming and self._octets > self._hold:
            self._streaming = True
            events.append(BodyStarted(self._command))
            decoded = b"".join((*self._held, decoded))
            self._held.clear()
        if self._streaming:
            events.append(BodyData(self._command, decoded))
        else:
            self._held.append(decoded)

    def _complete(self, events: list[Event]) -> None:
        if self._streaming:
            decoder = self._decoder
            events.append(BodyEnded(self._command, self._octets, decoder.unstuffed, decoder.saw_bare_dot))
        else:
            events.append(self._body(b"".join(self._held)))

    def _body(self, data: bytes) -> Body:
        return Body(self._command, data, self._decoder.unstuffed, self._decoder.saw_bare_dot)
