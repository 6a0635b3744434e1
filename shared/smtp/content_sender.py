"""Sends the content of a mail, by DATA or BDAT, whole or as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence

from shared.net.errors import NetworkError
from shared.smtp.commands import Command, Verb
from shared.smtp.content import PreparedContent, join_parts, prepare
from shared.smtp.dialogue import ContentProgress, Dialogue
from shared.smtp.envelope import Mail
from shared.smtp.errors import ConnectionLost, ProtocolViolation
from shared.smtp.reply import Reply
from shared.smtp.transaction import Terms, eight_bit_refused

CHUNK = 1024 * 1024
"""Octets of a BDAT chunk, except the last."""
UNDRAINED = 65536
"""Octets that are handed to the transport without waiting until it has sent them."""

_NO_CONTENT = prepare(b"")
_BEGUN, _ENDED = ContentProgress.BEGUN, ContentProgress.ENDED

NextCommands = Callable[[], Sequence[Command]]
"""Gives the envelope of the next mail, to be sent in the same write as the end of the content."""


def _no_commands() -> Sequence[Command]:
    return ()


class ContentSender:
    """Sends contents over `dialogue`, whose `read_answers` then returns the verdict.

    The methods return a reply if the server refused in the middle of the content and hung up. No commands of
    the next mail follow a large mail. In LMTP a reply after the end of the content is about one recipient
    only, so the end of a large mail is sent after the rest was.
    """

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._protocol = dialogue.protocol

    async def send_content(self, mail: Mail, terms: Terms, next_commands: NextCommands) -> Reply | None:
        """Send the content of a mail in the way that the terms of its transaction say.

        What the stream of a mail raises passes through; the mail is abandoned without its end then, and the
        connection is closed.
        """
        if mail.prepared is not None:
            if terms.chunked:
                return await self._send_chunk(mail.prepared.lines, last=True, next_commands=next_commands)
            return await self._send_whole(mail.prepared, next_commands)
        assert not isinstance(mail.content, bytes)
        parts = mail.content if self._protocol.extensions.eight_bit_mime else _seven_bit_only(mail.content)
        if terms.chunked:
            return await self._send_chunks(parts, next_commands)
        return await self._send_stream(parts, next_commands)

    async def send_nothing(self) -> None:
        """Send a lone dot to a server that permitted content although it refused all recipients (RFC 2920,
        section 3.1).

        All recipients are decided before, so it does not matter if the connection ends here.
        """
        try:
            await self._send_whole(_NO_CONTENT, _no_commands)
            await self._dialogue.read_answers()
        except ConnectionLost:
            self._dialogue.abort()
        if self._protocol.lmtp:
            self._dialogue.abort()  # LMTP servers differ in whether they answer it

    async def _send_whole(self, content: PreparedContent, next_commands: NextCommands) -> Reply | None:
        """Send a whole mail in one write."""
        large = len(content.lines) > UNDRAINED
        if large and self._protocol.lmtp:
            return await self._send_stream(_one_part(content.lines), _no_commands)
        self._dialogue.content_progress = _ENDED
        return await self._write(self._protocol.issue_content(content, () if large else next_commands()))

    async def _send_stream(self, parts: AsyncIterable[bytes], next_commands: NextCommands) -> Reply | None:
        """Send a mail as it comes."""
        dialogue = self._dialogue
        dialogue.content_progress = _BEGUN
        try:
            async for part in parts:
                dialogue.stream.write(self._protocol.issue_content_part(part))
                await self._drain()
        except NetworkError as error:
            return await self._read_last_reply(error)
        except BaseException:
            dialogue.abort()
            raise
        dialogue.content_progress = _ENDED
        return await self._write(self._protocol.end_content(next_commands()))

    async def _send_chunks(self, parts: AsyncIterable[bytes], next_commands: NextCommands) -> Reply | None:
        """Send a stream by BDAT."""
        held = b""
        try:
            async for chunk in join_parts(parts, CHUNK):
                if held and (refusal := await self._send_chunk(held, last=False)) is not None:
                    return refusal
                held = chunk
        except BaseException:
            self._dialogue.abort()
            raise
        return await self._send_chunk(held, last=True, next_commands=next_commands)

    async def _send_chunk(
        self, octets: bytes, *, last: bool, next_commands: NextCommands = _no_commands
    ) -> Reply | None:
        """Send a chunk by BDAT, and read the answer unless it is the last; a reply is a refusal."""
        if last and self._protocol.lmtp and len(octets) > UNDRAINED:
            refusal = await self._send_chunk(octets, last=False)
            return refusal or await self._send_chunk(b"", last=True)
        self._dialogue.content_progress = _ENDED if last else _BEGUN
        following = next_commands() if last and len(octets) <= UNDRAINED else ()
        refusal = await self._write(self._protocol.issue_chunk(octets, last=last, next_commands=following))
        if last or refusal is not None:
            return refusal
        (answer,) = await self._dialogue.read_answers()
        return None if answer.reply.positive else answer.reply

    async def _write(self, data: bytes) -> Reply | None:
        dialogue = self._dialogue
        try:
            dialogue.stream.write(data)
            if len(data) > UNDRAINED:
                await self._drain()
        except NetworkError as error:
            if dialogue.content_progress is _ENDED and self._protocol.lmtp:
                dialogue.write_failed = True  # the answers that came before tell which recipients have it
                return None
            return await self._read_last_reply(error)
        return None

    async def _drain(self) -> None:
        stream = self._dialogue.stream
        stream.inactivity_timeout = self._dialogue.timeouts.block
        stream.set_deadline(None)
        await stream.drain()

    async def _read_last_reply(self, error: NetworkError) -> Reply:
        """Return the refusal that a server may have sent before it hung up in the middle of the content.

        Raises `ConnectionLost` if there is none.
        """
        dialogue = self._dialogue
        try:
            reply = (self._protocol.next_answer() or await dialogue.read_answer(Verb.QUIT)).reply
        except (NetworkError, ProtocolViolation):
            raise dialogue.connection_lost(error) from error
        finally:
            dialogue.abort()
        if reply.positive and dialogue.content_progress is not _ENDED:
            raise dialogue.connection_lost(error)
        return reply


async def _one_part(lines: bytes) -> AsyncIterator[bytes]:
    yield lines


async def _seven_bit_only(parts: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for part in parts:
        if not part.isascii():
            raise eight_bit_refused()
        yield part
