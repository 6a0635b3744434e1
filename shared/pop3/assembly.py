"""Puts one multi-line answer together: held while it is small, passed on in pieces when it is not."""

from __future__ import annotations

from shared.model.source_errors import LimitExceeded, SourceViolation
from shared.pop3.body import BodyDecoder, SizedDecoder
from shared.pop3.commands import Command, Verb
from shared.pop3.events import Body, BodyData, BodyEnded, BodyStarted, Event
from shared.pop3.limits import Limits

_MAILS = frozenset({Verb.RETR, Verb.TOP})


class BodyAssembly:
    """The answer to one command on its way in."""

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

    def feed(self, data: bytes, start: int, events: list[Event]) -> int:
        """Take `data` from `start` on, append what came of it to `events`.

        Returns the position behind the answer, or -1 if it goes on. Raises `LimitExceeded`, what the meter
        raises, and `SourceViolation` where an answer of known size does not end there.
        """
        try:
            decoded, position = self._decoder.feed(data, start)
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
