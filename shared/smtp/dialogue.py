"""The SMTP core and a byte stream brought together: ask and be answered, within the time of each phase.

Every way in which the conversation can break off ends here as `ConnectionLost`, which says how far the mail
had come. After any error the stream is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

from shared.model.endpoint import Endpoint
from shared.net import errors as net
from shared.net.errors import DeadlineExceeded, InactivityTimeout, NetworkError
from shared.net.protection import Shortfall
from shared.net.sasl import Peer
from shared.smtp.commands import QUIT, Command, Verb
from shared.smtp.connection import Answer, SmtpConnection
from shared.smtp.content import PreparedContent
from shared.smtp.errors import CertificateUntrusted, ConnectionLost, ProtocolViolation, TlsUnavailable
from shared.smtp.reply import Reply
from shared.smtp.state import State
from shared.smtp.stream import Stream
from shared.smtp.timeouts import Timeouts

# Octets that are handed to the transport without waiting for it to take them.
UNDRAINED = 65536

_CLOSED = State.CLOSED
_USABLE = frozenset({State.READY, State.ENVELOPE})
_VERDICT = Verb.CONTENT

Behind = Callable[[], Sequence[Command]]


def _nothing() -> Sequence[Command]:
    return ()


async def _at_once(lines: bytes) -> AsyncIterator[bytes]:
    yield lines


class Dialogue:
    """One conversation with `endpoint` over `stream`; `hello` is how we introduced ourselves, `log_in` logs
    in again as at the beginning, if there was a login. `introduced`: the server takes us for somebody else.
    `shortfall`: what the connection lacks of the TLS that was wanted.
    """

    def __init__(self, stream: Stream, endpoint: Endpoint, timeouts: Timeouts, *, lmtp: bool = False) -> None:
        self.protocol = SmtpConnection(lmtp=lmtp)
        self._stream = stream
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._content_begun = False
        self._content_ended = False
        self._deaf = False
        self.hello: Command | None = None
        self.log_in: Callable[[], Awaitable[None]] | None = None
        self.introduced = False
        self.shortfall: Shortfall | None = None

    @property
    def is_tls(self) -> bool:
        """Whether the stream is encrypted."""
        return self._stream.is_tls

    @property
    def peer(self) -> Peer:
        """The server, for logins that are tied to it."""
        return Peer(self._endpoint.host, self._endpoint.port)

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent, as far as is known: the server may have left without a word."""
        return self.protocol.state in _USABLE and self.protocol.quiet

    @property
    def open(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return self.protocol.state is not _CLOSED

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

    async def answers(self, answers: list[Answer] | None = None) -> list[Answer]:
        """The answers that the server owes, each within its own time; no further than to a mail's content.

        Those that come before the connection breaks are in the given list.
        """
        answers = [] if answers is None else answers
        protocol = self.protocol
        try:
            while (verb := protocol.awaited) is not None:
                answer = protocol.next_answer() or await self._answer(verb)
                answers.append(answer)
                if answer.verb is _VERDICT and protocol.awaited is not _VERDICT:
                    break
        except (NetworkError, ProtocolViolation) as error:
            raise self._lost(error) from error
        if self._deaf or protocol.state is _CLOSED:
            self.abort()
        self._content_begun = self._content_ended = False
        return answers

    async def hears_within(self, seconds: float) -> bool:
        """Whether the server says anything in this time; the end of the connection counts, too."""
        self._allow(seconds)
        try:
            self.protocol.receive(await self._heard())
        except (DeadlineExceeded, InactivityTimeout):
            return False
        except (NetworkError, ProtocolViolation) as error:
            raise self._lost(error) from error
        return True

    async def send_whole(self, content: PreparedContent, behind: Behind = _nothing) -> Reply | None:
        """Send a whole mail in one write, with the group that `behind` gives; `answers` then tells its fate.

        Behind a mail that is large enough to be waited for goes nothing. Returns a reply where the server
        refuses in the middle of the content and hangs up; in LMTP, where after the end of the content such a
        reply is about one recipient only, the end of a large mail is therefore not sent before the rest is.
        """
        large = len(content.lines) > UNDRAINED
        if large and self.protocol.lmtp:
            return await self.send_stream(_at_once(content.lines))
        self._content_begun = self._content_ended = True
        return await self._written(self.protocol.whole_content(content, () if large else behind()))

    async def send_stream(self, chunks: AsyncIterable[bytes], behind: Behind = _nothing) -> Reply | None:
        """Send a mail as it comes; otherwise as `send_whole`.

        If `chunks` raises, the mail is abandoned without its end mark, which the server takes for no mail.
        """
        self._content_begun = True
        try:
            async for chunk in chunks:
                self._stream.write(self.protocol.content(chunk))
                await self._drain()
        except NetworkError as error:
            return await self._last_words(error)
        except BaseException:
            self.abort()
            raise
        self._content_ended = True
        return await self._written(self.protocol.end_content(behind()))

    async def send_chunk(self, octets: bytes, *, last: bool, behind: Behind = _nothing) -> Reply | None:
        """Send a part of a mail with BDAT, the last one otherwise as `send_whole`.

        Any other is answered before this returns; a reply is a refusal. In LMTP the last octets of a large
        mail are not in the last chunk, for the reason that `send_whole` gives.
        """
        if last and self.protocol.lmtp and len(octets) > UNDRAINED:
            refusal = await self.send_chunk(octets, last=False)
            return refusal or await self.send_chunk(b"", last=True)
        self._content_begun, self._content_ended = True, last
        following = behind() if last and len(octets) <= UNDRAINED else ()
        last_words = await self._written(self.protocol.chunk(octets, last=last, behind=following))
        if last or last_words is not None:
            return last_words
        (answer,) = await self.answers()
        return None if answer.reply.positive else answer.reply

    async def _written(self, data: bytes) -> Reply | None:
        try:
            self._stream.write(data)
            if len(data) > UNDRAINED:
                await self._drain()
        except NetworkError as error:
            if self._content_ended and self.protocol.lmtp:
                self._deaf = True  # whom it has answered, before it hung up, the answers tell
                return None
            return await self._last_words(error)
        return None

    async def start_tls(self) -> None:
        """The handshake after the server's consent; `TlsUnavailable` means that the connection is closed."""
        try:
            self.protocol.check_nothing_buffered()
            self._stream.set_deadline(self._timeouts.connect)
            await self._stream.start_tls(self._endpoint)
            self.protocol.tls_started()
        except net.CertificateUntrusted as error:
            self.abort()
            sentence = f"STARTTLS with {self._endpoint} failed: {error}"
            raise CertificateUntrusted(sentence, error.reason) from error
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
        """The answer to `verb`, which is not there yet."""
        self._allow(self._timeouts.answer_to(verb))
        while True:
            self.protocol.receive(await self._heard())
            answer = self.protocol.next_answer()
            if answer is not None:
                return answer

    async def _heard(self) -> bytes:
        data = await self._stream.read()
        if not data:
            raise ProtocolViolation(f"{self._endpoint} closed the connection where it owed an answer.")
        return data

    def _allow(self, seconds: float) -> None:
        self._stream.inactivity_timeout = seconds
        self._stream.set_deadline(seconds)

    async def _drain(self) -> None:
        self._stream.inactivity_timeout = self._timeouts.block
        self._stream.set_deadline(None)
        await self._stream.drain()

    async def _last_words(self, error: NetworkError) -> Reply:
        """A server that refuses in the middle of the content may say so before it hangs up: see if it did."""
        try:
            reply = (self.protocol.next_answer() or await self._answer(Verb.QUIT)).reply
        except (NetworkError, ProtocolViolation):
            raise self._lost(error) from error
        finally:
            self.abort()
        if reply.positive and not self._content_ended:
            raise self._lost(error)
        return reply

    def _lost(self, error: NetworkError | ProtocolViolation) -> ConnectionLost:
        self.abort()
        return ConnectionLost(
            str(error), content_begun=self._content_begun, after_content=self._content_ended
        )
