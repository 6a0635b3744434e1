"""The SMTP core and a byte stream brought together: ask and be answered, within the time of each phase.

Every way in which the conversation can break off ends here as `ConnectionLost`, which says how far the mail
had come. After any error the stream is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence

from shared.model.endpoint import Endpoint
from shared.net.errors import NetworkError
from shared.smtp.commands import QUIT, Command, Verb
from shared.smtp.connection import Answer, SmtpConnection
from shared.smtp.content import PreparedContent
from shared.smtp.errors import ConnectionLost, ProtocolViolation, TlsUnavailable
from shared.smtp.state import State
from shared.smtp.stream import Stream
from shared.smtp.timeouts import Timeouts

# Octets that are handed to the transport without waiting for it to take them.
UNDRAINED = 65536


class Dialogue:
    """One conversation with `endpoint` over `stream`."""

    def __init__(self, stream: Stream, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self.protocol = SmtpConnection()
        self._stream = stream
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._content_begun = False
        self._content_ended = False

    @property
    def is_tls(self) -> bool:
        """Whether the stream is encrypted."""
        return self._stream.is_tls

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent, as far as is known: the server may have left without a word."""
        return self.protocol.state in {State.READY, State.ENVELOPE} and self.protocol.quiet

    async def ask(self, commands: Sequence[Command]) -> list[Answer]:
        """Send a group of commands in one write and collect the answers.

        They are fewer than the commands if one was a 421; the connection is closed then.
        """
        self._content_begun = self._content_ended = False
        try:
            self._stream.write(self.protocol.issue(commands))
        except (NetworkError, ProtocolViolation) as error:
            raise self._lost(error) from error
        return await self.answers()

    async def answers(self) -> list[Answer]:
        """The answers that the server owes, each within its own time."""
        answers = []
        try:
            while (verb := self.protocol.awaited) is not None:
                answers.append(await self._answer(verb))
        except (NetworkError, ProtocolViolation) as error:
            raise self._lost(error) from error
        if self.protocol.state is State.CLOSED:
            self.abort()
        return answers

    async def send_whole(self, content: PreparedContent) -> list[Answer]:
        """Send a whole mail in one write, and be answered."""
        self._content_begun = self._content_ended = True
        try:
            self._stream.write(self.protocol.whole_content(content))
            if len(content.wire) > UNDRAINED:
                await self._drain()
        except NetworkError as error:
            return [await self._last_words(error)]
        return await self.answers()

    async def send_stream(self, chunks: AsyncIterable[bytes]) -> list[Answer]:
        """Send a mail as it comes, and be answered.

        If `chunks` raises, the mail is abandoned without its end mark, which the server takes for no mail.
        """
        self._content_begun = True
        try:
            async for chunk in chunks:
                self._stream.write(self.protocol.content(chunk))
                await self._drain()
            self._content_ended = True
            self._stream.write(self.protocol.end_content())
        except NetworkError as error:
            return [await self._last_words(error)]
        except BaseException:
            self.abort()
            raise
        return await self.answers()

    async def start_tls(self) -> None:
        """The handshake after the server's consent; `TlsUnavailable` means that the connection is closed."""
        try:
            self.protocol.check_nothing_buffered()
            self._stream.set_deadline(self._timeouts.connect)
            await self._stream.start_tls(self._endpoint)
            self.protocol.tls_started()
        except (NetworkError, ProtocolViolation) as error:
            self.abort()
            raise TlsUnavailable(f"STARTTLS with {self._endpoint} failed: {error}") from error

    async def leave(self) -> None:
        """Say goodbye if it is the moment for it, and close; never raises, since nothing depends on it."""
        try:
            if self.usable:
                await self.ask([QUIT])
            await self._stream.close()
        except ConnectionLost:
            return
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._stream.abort()
        self.protocol.close()

    async def _answer(self, verb: Verb) -> Answer:
        answer = self.protocol.next_answer()
        if answer is None:
            seconds = self._timeouts.answer_to(verb)
            self._stream.inactivity_timeout = seconds
            self._stream.set_deadline(seconds)
        while answer is None:
            data = await self._stream.read()
            if not data:
                raise ProtocolViolation(f"{self._endpoint} closed the connection where it owed an answer.")
            self.protocol.receive(data)
            answer = self.protocol.next_answer()
        return answer

    async def _drain(self) -> None:
        self._stream.inactivity_timeout = self._timeouts.block
        self._stream.set_deadline(None)
        await self._stream.drain()

    async def _last_words(self, error: NetworkError) -> Answer:
        """A server that refuses in the middle of the content may say so before it hangs up: see if it did."""
        try:
            return await self._answer(Verb.QUIT)
        except (NetworkError, ProtocolViolation):
            raise self._lost(error) from error
        finally:
            self.abort()

    def _lost(self, error: NetworkError | ProtocolViolation) -> ConnectionLost:
        self.abort()
        return ConnectionLost(
            str(error), content_begun=self._content_begun, after_content=self._content_ended
        )
