"""Carries mails over one open connection, one after the other.

Where the server offers PIPELINING, the envelope of the next mail goes out with the content of the one before
(RFC 2920, section 3.1), so that a mail costs one write and one wait instead of two. What became of each stays
exact: until the mail before is answered, nothing of the next one's content is sent, so that it can go by
another connection without the danger of a copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from shared.smtp.commands import RSET, Command
from shared.smtp.connection import Answer
from shared.smtp.content import prepare
from shared.smtp.dialogue import Behind, Dialogue
from shared.smtp.envelope import RecipientReply
from shared.smtp.errors import ConnectionLost, EightBitRefused, SizeRefused
from shared.smtp.mail import Mail
from shared.smtp.reply import Reply
from shared.smtp.state import State
from shared.smtp.transaction import Transaction

PROMPT = 1.0
"""Seconds that a mail may wait behind the one before; then it goes by another connection, if one is free."""

_NO_CONTENT = prepare(b"")


class Ahead(NamedTuple):
    """A mail whose envelope goes ahead of its content, behind the content of the mail before."""

    mail: Mail
    transaction: Transaction


class Upcoming(Protocol):
    """Where the mail behind the present one comes from."""

    def next(self, courier: Courier) -> Ahead | None:
        """A mail, with the transaction that `courier.take` made of it; None: there is none now."""
        ...

    def give_back(self, mail: Mail) -> None:
        """This mail is ahead no more and nothing of its content was sent: another courier may have it."""
        ...


class NothingMore:
    """No mail waits."""

    def next(self, _courier: Courier) -> Ahead | None:
        """See `Upcoming`."""
        return None

    def give_back(self, mail: Mail) -> None:
        """See `Upcoming`."""
        raise AssertionError(f"{mail} was never given out")


NOTHING_MORE = NothingMore()


class Courier:
    """Carries over `dialogue`. `mails` counts those that were begun."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._ahead: Ahead | None = None
        self.mails = 0

    @property
    def ahead(self) -> Mail | None:
        """The mail whose envelope has gone ahead: it has to be the next to be carried."""
        return self._ahead.mail if self._ahead else None

    def take(self, mail: Mail) -> Transaction:
        """The transaction for a mail. Raises `SizeRefused` and `EightBitRefused`.

        A stream that may or may not be 8-bit is declared 8-bit: that is never wrong.
        """
        extensions, size, eight_bit = self._dialogue.protocol.extensions, mail.size, mail.eight_bit
        limit = extensions.size_limit
        if size is not None and limit is not None and size > limit:
            text = f"The mail has {size} octets; the target takes at most {limit}."
            raise SizeRefused(text, Reply(552, (b"5.3.4 " + text.encode(),), local=True))
        if eight_bit and not extensions.eight_bit_mime:
            raise _eight_bit_refused()
        return Transaction(
            mail.envelope,
            size=size if extensions.size else None,
            eight_bit=extensions.eight_bit_mime and eight_bit is not False,
        )

    async def carry(self, mail: Mail, upcoming: Upcoming = NOTHING_MORE) -> Sequence[RecipientReply]:
        """The reply that decided about each recipient, in the order of the envelope.

        Raises what `take` does, `ConnectionLost`, and what the content raises; the connection is closed then,
        except where nothing of the mail was sent.
        """
        transaction = await self._negotiated(mail)
        if self._dialogue.protocol.state is State.CONTENT:
            if transaction.undecided:
                await self._send_content(mail, transaction, upcoming)
            else:
                await self._send_nothing()
        return transaction.outcome

    def groups(self, commands: Sequence[Command]) -> Sequence[Sequence[Command]]:
        """What of `commands` may be sent together, behind a RSET where a transaction was left open."""
        if not commands:
            return []
        protocol = self._dialogue.protocol
        if protocol.state is State.ENVELOPE:
            commands = [RSET, *commands]
        return [commands] if protocol.extensions.pipelining else [[command] for command in commands]

    async def _negotiated(self, mail: Mail) -> Transaction:
        """All up to the permission to send the content, in one round trip where the server allows it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.transaction.record(await self._dialogue.answers())
            return ahead.transaction
        self.mails += 1
        transaction = self.take(mail)
        for group in self.groups(transaction.commands):
            if not transaction.undecided:
                break
            transaction.record(await self._dialogue.ask(group))
        return transaction

    async def _send_content(self, mail: Mail, transaction: Transaction, upcoming: Upcoming) -> None:
        dialogue = self._dialogue
        try:
            last_words = await self._send(mail, lambda: self._tell_of_next(upcoming))
            if last_words is not None:
                transaction.record([last_words])
                return
            patient = self._ahead is None or await dialogue.hears_within(PROMPT)
            if not patient:
                self._give_back(upcoming)
            transaction.record(await dialogue.answers())
            if not patient:
                dialogue.abort()  # the server waits for the content of the mail that was given back
        finally:
            if not dialogue.open:
                self._give_back(upcoming)

    async def _send(self, mail: Mail, behind: Behind) -> Answer | None:
        prepared = mail.prepared
        if prepared is not None:
            return await self._dialogue.send_whole(prepared, behind)
        assert not isinstance(mail.content, bytes)
        binary = self._dialogue.protocol.extensions.eight_bit_mime
        chunks = mail.content if binary else _seven_bit_only(mail.content)
        return await self._dialogue.send_stream(chunks, behind)

    def _tell_of_next(self, upcoming: Upcoming) -> Sequence[Command]:
        if not self._dialogue.protocol.extensions.pipelining:
            return ()
        self._ahead = upcoming.next(self)
        if self._ahead is None:
            return ()
        self.mails += 1
        return self._ahead.transaction.commands

    def _give_back(self, upcoming: Upcoming) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self.mails -= 1
            upcoming.give_back(ahead.mail)

    async def _send_nothing(self) -> None:
        """A server may permit content although it refused every recipient: then it is a lone dot (RFC 2920,
        3.1).

        All is decided before, so an end of the connection here changes nothing for the mail.
        """
        try:
            await self._dialogue.send_whole(_NO_CONTENT)
            await self._dialogue.answers()
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
