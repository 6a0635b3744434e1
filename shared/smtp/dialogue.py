"""Commands and answers over a byte stream, each answer within the time of its phase.

A stream that breaks, a server that violates the protocol and a server that is silent all become
`ConnectionLost`, which says how far the mail had come. After any error the stream is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from shared.model.endpoint import Endpoint
from shared.net import errors as net
from shared.net.byte_stream import ByteStream
from shared.net.errors import DeadlineExceeded, InactivityTimeout, NetworkError
from shared.net.sasl import Peer
from shared.smtp.commands import QUIT, Command, Verb
from shared.smtp.connection import Answer, SmtpConnection, State
from shared.smtp.errors import CertificateUntrusted, ConnectionLost, ProtocolViolation, TlsUnavailable
from shared.smtp.reply import Reply
from shared.smtp.timeouts import Timeouts

_CLOSED = State.CLOSED
_USABLE = frozenset({State.READY, State.ENVELOPE})
_CONTENT = Verb.CONTENT


class Stream(ByteStream, Protocol):
    """A byte stream that waits for each answer as long as its phase allows."""

    inactivity_timeout: float


class ContentProgress(IntEnum):
    """How much of the present mail's content has been sent."""

    NONE = 0
    BEGUN = 1
    ENDED = 2


_NONE, _BEGUN, _ENDED = ContentProgress


class Dialogue:
    """The dialogue with the server at `endpoint` over `stream`.

    The `ContentSender` sets `content_progress` and `write_failed`: the server closed the connection while
    content was written, but answers may be left to read.
    """

    def __init__(self, stream: Stream, endpoint: Endpoint, timeouts: Timeouts, *, lmtp: bool = False) -> None:
        self.protocol = SmtpConnection(lmtp=lmtp)
        self.stream = stream
        self.endpoint = endpoint
        self.timeouts = timeouts
        self.content_progress = _NONE
        self.write_failed = False

    @property
    def is_tls(self) -> bool:
        """Whether the stream is encrypted."""
        return self.stream.is_tls

    @property
    def peer(self) -> Peer:
        """The server, for login methods that are bound to it."""
        return Peer(self.endpoint.host, self.endpoint.port)

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent, as far as is known: the server may have closed unnoticed."""
        return self.protocol.state in _USABLE and self.protocol.quiet

    @property
    def open(self) -> bool:
        """Whether the connection is open, as far as is known."""
        return self.protocol.state is not _CLOSED

    async def exchange(self, commands: Sequence[Command]) -> list[Answer]:
        """Send a group of commands in one write and return the answers.

        There are fewer answers than commands if one was a 421; the connection is closed then.
        """
        self.content_progress = _NONE
        try:
            self.stream.write(self.protocol.issue_commands(commands))
        except (NetworkError, ProtocolViolation) as error:
            raise self.connection_lost(error) from error
        return await self.read_answers()

    async def exchange_one(self, command: Command) -> Reply:
        """Send one command and return the reply."""
        return (await self.exchange([command]))[0].reply

    async def read_answers(self, answers: list[Answer] | None = None) -> list[Answer]:
        """Read the answers that the server owes, up to that for a mail's content, each within its own time.

        They are added to `answers`, which has those that came in time if the connection breaks.
        """
        answers = [] if answers is None else answers
        protocol = self.protocol
        try:
            while (verb := protocol.expected) is not None:
                answer = protocol.next_answer() or await self.read_answer(verb)
                answers.append(answer)
                if answer.verb is _CONTENT and protocol.expected is not _CONTENT:
                    break
        except (NetworkError, ProtocolViolation) as error:
            raise self.connection_lost(error) from error
        if self.write_failed or protocol.state is _CLOSED:
            self.abort()
        self.content_progress = _NONE
        return answers

    async def read_answer(self, verb: Verb) -> Answer:
        """Read the answer to `verb`. Raises `NetworkError` or `ProtocolViolation`."""
        self._set_time_limit(self.timeouts.answer_to(verb))
        while True:
            self.protocol.receive(await self._read())
            answer = self.protocol.next_answer()
            if answer is not None:
                return answer

    async def answers_within(self, seconds: float) -> bool:
        """Return whether the server sends anything, or closes the connection, within this time."""
        self._set_time_limit(seconds)
        try:
            self.protocol.receive(await self._read())
        except (DeadlineExceeded, InactivityTimeout):
            return False
        except (NetworkError, ProtocolViolation) as error:
            raise self.connection_lost(error) from error
        return True

    async def start_tls(self) -> None:
        """Do the handshake after the server agreed to STARTTLS.

        Raises `TlsUnavailable`, and `CertificateUntrusted`; the connection is closed then.
        """
        try:
            self.protocol.check_nothing_buffered()
            self.stream.set_deadline(self.timeouts.connect)
            await self.stream.start_tls(self.endpoint)
            self.protocol.begin_tls()
        except net.CertificateUntrusted as error:
            self.abort()
            sentence = f"STARTTLS with {self.endpoint} failed: {error}"
            raise CertificateUntrusted(sentence, error.reason) from error
        except (NetworkError, ProtocolViolation) as error:
            self.abort()
            raise TlsUnavailable(f"STARTTLS with {self.endpoint} failed: {error}") from error

    async def quit(self) -> None:
        """Send QUIT if the state allows it, and close; never raises."""
        try:
            if self.usable:
                await self.exchange([QUIT])
            await self.stream.close()
        except ConnectionLost:
            return
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.stream.abort()
        self.protocol.close()

    def connection_lost(self, error: NetworkError | ProtocolViolation) -> ConnectionLost:
        """Close, and return the error that says how far the mail had come."""
        self.abort()
        return ConnectionLost(
            str(error),
            content_begun=self.content_progress >= _BEGUN,
            after_content=self.content_progress is _ENDED,
        )

    async def _read(self) -> bytes:
        data = await self.stream.read()
        if not data:
            raise ProtocolViolation(f"{self.endpoint} closed the connection while a reply was due.")
        return data

    def _set_time_limit(self, seconds: float) -> None:
        self.stream.inactivity_timeout = seconds
        self.stream.set_deadline(seconds)
