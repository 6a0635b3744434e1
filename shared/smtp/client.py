"""The SMTP client: connect, send mails over one connection, leave.

It reports what the server said about each recipient and decides nothing: whether a reply means delivered,
later or never is not its business. What it never does: damage a mail, or send one that the server said it
cannot take.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence

from shared.model.endpoint import Endpoint
from shared.smtp.commands import NOOP, RSET, Command
from shared.smtp.connection import Answer
from shared.smtp.content import PreparedContent, prepare
from shared.smtp.dialogue import Dialogue
from shared.smtp.envelope import Envelope, RecipientReply
from shared.smtp.errors import ConnectionLost, EightBitRefused, SizeRefused
from shared.smtp.extensions import Extensions
from shared.smtp.inquiry import Inquiry
from shared.smtp.login import Credentials
from shared.smtp.opening import Dialer, open_session
from shared.smtp.reply import Reply
from shared.smtp.state import State
from shared.smtp.timeouts import Timeouts
from shared.smtp.transaction import Transaction

_NO_CONTENT = prepare(b"")


async def connect(
    endpoint: Endpoint,
    *,
    helo_name: str,
    credentials: Credentials | None = None,
    timeouts: Timeouts | None = None,
    dialer: Dialer | None = None,
) -> SmtpClient:
    """A client that is greeted, secured as `endpoint.tls` demands, and logged in if `credentials` are given.

    Raises `NetworkError` (no connection), `SessionRefused`, `TlsUnavailable`, `LoginImpossible`,
    `LoginRefused`, `SaslError`, `Unsendable` (the name for EHLO) or `ConnectionLost`.
    """
    dialogue = await open_session(
        endpoint, helo_name=helo_name, credentials=credentials, timeouts=timeouts or Timeouts(), dialer=dialer
    )
    return SmtpClient(dialogue)


class SmtpClient:
    """An open connection, for one mail at a time and any number of them. Made by `connect`."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self.mails = 0

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._dialogue.protocol.extensions

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._dialogue.is_tls

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent, as far as is known: a server may leave without a word."""
        return self._dialogue.usable

    async def send(
        self, envelope: Envelope, content: bytes | AsyncIterable[bytes]
    ) -> Sequence[RecipientReply]:
        """Send one mail; the reply that decided about each recipient, in the order of the envelope.

        Raises `SizeRefused` and `EightBitRefused` (nothing of the mail was sent, except where a stream turns
        out to be 8-bit against the envelope: then it was abandoned), or `ConnectionLost`. What `content`
        raises passes through; the connection is closed then.
        """
        whole = prepare(content) if isinstance(content, bytes) else None
        size, eight_bit = (whole.size, whole.eight_bit) if whole else (envelope.size, envelope.eight_bit)
        self._refuse_what_cannot_be_taken(size, eight_bit)
        transaction = self._transaction(envelope, size, eight_bit)
        self.mails += 1
        await self._negotiate(transaction)
        if self._dialogue.protocol.state is State.CONTENT:
            if transaction.undecided:
                for answer in await self._send_content(whole, content):
                    transaction.record(answer)
            else:
                await self._send_nothing()
        return transaction.outcome

    async def ask_about(self, reverse_path: str, addresses: Sequence[str]) -> Sequence[RecipientReply]:
        """Whether a mail from `reverse_path` would be taken for each of `addresses`; no mail is sent.

        Raises `Unsendable` where `reverse_path` cannot be written, and `ConnectionLost`.
        """
        inquiry = Inquiry(reverse_path, addresses)
        for group in self._groups(inquiry.commands):
            if not inquiry.open:
                break
            for answer in await self._dialogue.ask(group):
                inquiry.record(answer)
        return inquiry.replies

    async def reset(self) -> Reply:
        """RSET: forget a transaction that was begun."""
        return (await self._dialogue.ask([RSET]))[0].reply

    async def noop(self) -> Reply:
        """NOOP: is the server still there? Raises `ConnectionLost` if not."""
        return (await self._dialogue.ask([NOOP]))[0].reply

    async def quit(self) -> None:
        """Say goodbye and close; never raises."""
        await self._dialogue.leave()

    def abort(self) -> None:
        """Close at once, without a word."""
        self._dialogue.abort()

    def _refuse_what_cannot_be_taken(self, size: int | None, eight_bit: bool | None) -> None:
        limit = self.extensions.size_limit
        if size is not None and limit is not None and size > limit:
            text = f"The mail has {size} octets; the target takes at most {limit}."
            raise SizeRefused(text, Reply(552, (b"5.3.4 " + text.encode(),), local=True))
        if eight_bit and not self.extensions.eight_bit_mime:
            raise _eight_bit_refused()

    def _transaction(self, envelope: Envelope, size: int | None, eight_bit: bool | None) -> Transaction:
        """A stream that may or may not be 8-bit is declared 8-bit: that is never wrong."""
        declared = self.extensions.eight_bit_mime and eight_bit is not False
        return Transaction(envelope, size=size if self.extensions.size else None, eight_bit=declared)

    async def _negotiate(self, transaction: Transaction) -> None:
        """All up to the permission to send the content, in one round trip where the server allows it."""
        for group in self._groups(transaction.commands):
            if not transaction.undecided:
                return
            for answer in await self._dialogue.ask(group):
                transaction.record(answer)

    def _groups(self, commands: Sequence[Command]) -> Sequence[Sequence[Command]]:
        if not commands:
            return []
        if self._dialogue.protocol.state is State.ENVELOPE:
            commands = [RSET, *commands]
        return [commands] if self.extensions.pipelining else [[command] for command in commands]

    async def _send_content(
        self, whole: PreparedContent | None, content: bytes | AsyncIterable[bytes]
    ) -> list[Answer]:
        if whole is not None:
            return await self._dialogue.send_whole(whole)
        assert not isinstance(content, bytes)
        return await self._dialogue.send_stream(
            content if self.extensions.eight_bit_mime else _seven_bit_only(content)
        )

    async def _send_nothing(self) -> None:
        """A server may permit content although it refused every recipient: then it is a lone dot (RFC 2920,
        3.1).

        All is decided before, so an end of the connection here changes nothing for the mail.
        """
        try:
            await self._dialogue.send_whole(_NO_CONTENT)
        except ConnectionLost:
            self._dialogue.abort()


async def _seven_bit_only(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if not chunk.isascii():
            raise _eight_bit_refused()
        yield chunk


def _eight_bit_refused() -> EightBitRefused:
    text = "The mail has 8-bit octets and the target does not offer 8BITMIME."
    return EightBitRefused(text, Reply(554, (b"5.6.3 " + text.encode(),), local=True))
