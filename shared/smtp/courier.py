"""Carries mails over one open connection, one after the other.

Where the server offers PIPELINING, the envelope of the next mail goes out with the content of the one before
(RFC 2920, section 3.1), so that a mail costs one write and one wait instead of two. What became of each stays
exact: until the mail before is answered, nothing of the next one's content is sent, so that it can go by
another connection without the danger of a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from shared.smtp.commands import RSET, Command, Verb
from shared.smtp.connection import Answer
from shared.smtp.dialogue import Dialogue
from shared.smtp.envelope import RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.introduction import introduce, part
from shared.smtp.mail import Mail
from shared.smtp.reply import Reply
from shared.smtp.sending import send, send_nothing
from shared.smtp.state import State
from shared.smtp.taking import CHUNK_FROM, introduction, take
from shared.smtp.transaction import Terms, Transaction

PROMPT = 1.0
"""Seconds that a mail may wait behind the one before; then it goes by another connection, if one is free."""

_ENVELOPE, _CONTENT = State.ENVELOPE, State.CONTENT
_MAIL = Verb.MAIL


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
        """The transaction for a mail. Raises `SizeRefused` and `EightBitRefused`."""
        return take(mail, self._dialogue.protocol, self._chunk_from)

    def stands_apart(self, mail: Mail) -> bool:
        """Whether the session has to begin anew before it can be known on which terms a mail is taken."""
        return self._dialogue.introduced or introduction(mail, self._dialogue.protocol) is not None

    async def carry(self, mail: Mail, upcoming: Upcoming = NOTHING_MORE) -> Sequence[RecipientReply]:
        """The reply that decided about each recipient, in the order of the envelope.

        Raises what `take` does, `ConnectionLost`, and what the content raises; the connection is closed then,
        except where nothing of the mail was sent.
        """
        transaction = await self._next_transaction(mail)
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

    async def _next_transaction(self, mail: Mail) -> Transaction:
        if self._ahead is None:
            self.mails += 1
            refusal = await self._introduce(mail) if self.stands_apart(mail) else None
            return self.take(mail) if refusal is None else _refused(mail, refusal)
        assert self._ahead.mail is mail
        return self._ahead.transaction

    async def _introduce(self, mail: Mail) -> Reply | None:
        """Begin the session anew as that of the mail's client; the refusal, if it is one for the mail."""
        client = introduction(mail, self._dialogue.protocol)
        return await (part(self._dialogue) if client is None else introduce(self._dialogue, client))

    async def _negotiate(self, transaction: Transaction) -> None:
        """All up to the permission to send the content, in one round trip where the server allows it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            transaction.record(await self._dialogue.answers())
            return
        for group in self.groups(transaction.commands):
            if not (transaction.undecided and self._dialogue.open):
                return
            transaction.record(await self._dialogue.ask(group))

    async def _conclude(self, mail: Mail, transaction: Transaction, upcoming: Upcoming) -> None:
        state = self._dialogue.protocol.state
        if not transaction.undecided:
            if state is _CONTENT:
                await send_nothing(self._dialogue)
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
        refusal = await send(dialogue, mail, transaction.terms, lambda: self._tell_of_next(upcoming))
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


def _refused(mail: Mail, refusal: Reply) -> Transaction:
    """The transaction of a mail whose client was refused before anything was said of it."""
    transaction = Transaction(mail.envelope, Terms())
    transaction.record([Answer(_MAIL, refusal)])
    return transaction
