"""Carries mails over one open connection, one after the other.

Where the server offers PIPELINING, the envelope of the next mail goes out with the content of the one before
(RFC 2920, section 3.1), so that a mail costs one write and one wait instead of two. What became of each stays
exact: until the mail before is answered, nothing of the next one's content is sent, so that it can go by
another connection without the danger of a copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from shared.smtp.client_command import report
from shared.smtp.client_report import ReportedClient
from shared.smtp.commands import RSET, Command, Verb
from shared.smtp.connection import Answer
from shared.smtp.content import joined, prepare
from shared.smtp.dialogue import Behind, Dialogue
from shared.smtp.envelope import RecipientReply
from shared.smtp.errors import ConnectionLost, EightBitRefused, SizeRefused
from shared.smtp.introduction import introduce
from shared.smtp.mail import Mail
from shared.smtp.paths import Parameters
from shared.smtp.reply import Reply
from shared.smtp.state import State
from shared.smtp.transaction import Terms, Transaction

PROMPT = 1.0
"""Seconds that a mail may wait behind the one before; then it goes by another connection, if one is free."""

CHUNK_FROM = 256 * 1024
CHUNK = 1024 * 1024
"""Octets of a chunk, except the last."""

_ENVELOPE, _CONTENT = State.ENVELOPE, State.CONTENT
_MAIL = Verb.MAIL
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
    """Carries over `dialogue`. `mails` counts those that were begun.

    Mails of `chunk_from` octets and more go by BDAT where the server offers it.
    """

    def __init__(self, dialogue: Dialogue, chunk_from: int = CHUNK_FROM) -> None:
        self._dialogue = dialogue
        self._chunk_from = chunk_from
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
        return Transaction(mail.envelope, self._terms(mail, size, eight_bit))

    def _terms(self, mail: Mail, size: int | None, eight_bit: bool | None) -> Terms:
        protocol, envelope = self._dialogue.protocol, mail.envelope
        extensions = protocol.extensions
        parameters = Parameters(
            size=size if extensions.size else None,
            eight_bit=extensions.eight_bit_mime and eight_bit is not False,
            smtputf8=extensions.smtputf8 and envelope.international,
            dsn=envelope.dsn if extensions.dsn else None,
        )
        chunked = extensions.chunking and (
            size is None or size >= self._chunk_from or (mail.prepared is not None and mail.prepared.has_nul)
        )
        return Terms(
            parameters, chunked=chunked, each_answered=protocol.lmtp, report=self._report(envelope.client)
        )

    def _report(self, client: ReportedClient | None) -> Command | None:
        if client is None:
            return None
        offered = self._dialogue.protocol.extensions.keywords.get(client.by)
        return report(client, [each.upper() for each in offered]) if offered else None

    async def carry(self, mail: Mail, upcoming: Upcoming = NOTHING_MORE) -> Sequence[RecipientReply]:
        """The reply that decided about each recipient, in the order of the envelope.

        Raises what `take` does, `ConnectionLost`, and what the content raises; the connection is closed then,
        except where nothing of the mail was sent.
        """
        transaction = self._next_transaction(mail)
        try:
            await self._negotiate(transaction)
            await self._conclude(mail, transaction, upcoming)
        except ConnectionLost as lost:
            lost.answered = transaction.outcome
            raise
        return transaction.outcome

    def groups(self, commands: Sequence[Command]) -> Sequence[Sequence[Command]]:
        """What of `commands` may be sent together, behind a RSET where a transaction was left open."""
        if not commands:
            return []
        protocol = self._dialogue.protocol
        if protocol.state is _ENVELOPE:
            commands = [RSET, *commands]
        return [commands] if protocol.extensions.pipelining else [[command] for command in commands]

    def _next_transaction(self, mail: Mail) -> Transaction:
        if self._ahead is None:
            self.mails += 1
            return self.take(mail)
        assert self._ahead.mail is mail
        return self._ahead.transaction

    async def _negotiate(self, transaction: Transaction) -> None:
        """All up to the permission to send the content, in one round trip where the server allows it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            transaction.record(await self._dialogue.answers())
            return
        if transaction.terms.report is not None and transaction.terms.apart and transaction.commands:
            refusal = await introduce(self._dialogue, transaction.terms.report)
            if refusal is not None:
                transaction.record([Answer(_MAIL, refusal)])
        for group in self.groups(transaction.commands):
            if not (transaction.undecided and self._dialogue.open):
                return
            transaction.record(await self._dialogue.ask(group))

    async def _conclude(self, mail: Mail, transaction: Transaction, upcoming: Upcoming) -> None:
        state = self._dialogue.protocol.state
        if not transaction.undecided:
            if state is _CONTENT:
                await self._send_nothing()
            return
        if not self._dialogue.open:
            raise ConnectionLost("The target left before it had answered for all.")
        try:
            await self._send_content(mail, transaction, upcoming)
        finally:
            self._give_back_if_lost(upcoming)
        if transaction.undecided:
            raise ConnectionLost("The target left before it had answered for all.", after_content=True)

    async def _send_content(self, mail: Mail, transaction: Transaction, upcoming: Upcoming) -> None:
        dialogue = self._dialogue
        refusal = await self._send(mail, transaction, lambda: self._tell_of_next(upcoming))
        if refusal is not None:
            transaction.refuse(refusal)
            return
        patient = self._ahead is None or await dialogue.hears_within(PROMPT)
        if not patient:
            self._give_back(upcoming)
        answers: list[Answer] = []
        try:
            await dialogue.answers(answers)
        finally:
            transaction.record(answers)
            if not patient:
                dialogue.abort()  # the server waits for the content of the mail that was given back

    async def _send(self, mail: Mail, transaction: Transaction, behind: Behind) -> Reply | None:
        prepared, chunked = mail.prepared, transaction.terms.chunked
        if prepared is not None:
            if chunked:
                return await self._dialogue.send_chunk(prepared.lines, last=True, behind=behind)
            return await self._dialogue.send_whole(prepared, behind)
        assert not isinstance(mail.content, bytes)
        binary = self._dialogue.protocol.extensions.eight_bit_mime
        pieces = mail.content if binary else _seven_bit_only(mail.content)
        if chunked:
            return await self._send_chunks(pieces, behind)
        return await self._dialogue.send_stream(pieces, behind)

    async def _send_chunks(self, pieces: AsyncIterable[bytes], behind: Behind) -> Reply | None:
        """A stream by BDAT; if it raises, the connection is closed and the server takes that for no mail."""
        held = b""
        try:
            async for chunk in joined(pieces, CHUNK):
                if held and (refusal := await self._dialogue.send_chunk(held, last=False)) is not None:
                    return refusal
                held = chunk
        except BaseException:
            self._dialogue.abort()
            raise
        return await self._dialogue.send_chunk(held, last=True, behind=behind)

    def _tell_of_next(self, upcoming: Upcoming) -> Sequence[Command]:
        if not self._dialogue.protocol.extensions.pipelining:
            return ()
        self._ahead = upcoming.next(self)
        if self._ahead is None:
            return ()
        self.mails += 1
        return self._ahead.transaction.commands

    def _give_back_if_lost(self, upcoming: Upcoming) -> None:
        if not self._dialogue.open:
            self._give_back(upcoming)

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
        if self._dialogue.protocol.lmtp:
            self._dialogue.abort()  # which of the two answers is meant is not known there


async def _seven_bit_only(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if not chunk.isascii():
            raise _eight_bit_refused()
        yield chunk


def _eight_bit_refused() -> EightBitRefused:
    text = "The mail has 8-bit octets and the target does not offer 8BITMIME."
    return EightBitRefused(text, Reply(554, (b"5.6.3 " + text.encode(),), local=True))
