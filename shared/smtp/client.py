"""The SMTP client: connect, send mails over one connection, quit.

It reports what the server said about each recipient and decides nothing: whether a reply means delivered,
later or never is decided elsewhere. It never damages a mail, and sends none that the server said it cannot
take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from shared.model.endpoint import Endpoint
from shared.model.errors import MailferryError
from shared.net.errors import NetworkError
from shared.net.protection import Shortfall
from shared.smtp.commands import RSET, Command
from shared.smtp.connection import Answer, State
from shared.smtp.content_sender import ContentSender
from shared.smtp.envelope import Mail, RecipientReply
from shared.smtp.errors import ConnectionLost, SessionRefused, TlsUnavailable
from shared.smtp.extensions import Extensions
from shared.smtp.login import Credentials
from shared.smtp.opening import Dialer, open_session, servers_of
from shared.smtp.reply import Reply
from shared.smtp.session import SmtpSession
from shared.smtp.timeouts import Timeouts
from shared.smtp.transaction import (
    CHUNK_FROM,
    RecipientQuery,
    Transaction,
    plan_transaction,
    refused_transaction,
    xclient_for,
)

PROMPT_ANSWER = 1.0
"""Seconds. If a mail is not answered in this time, the pipelined mail goes by another connection."""

_ENVELOPE, _CONTENT = State.ENVELOPE, State.CONTENT


class PipelinedMail(NamedTuple):
    """A mail whose envelope was sent behind the content of the mail before."""

    mail: Mail
    transaction: Transaction


class UpcomingMails(Protocol):
    """Where the mail behind the present one comes from."""

    def next_mail(self, client: SmtpClient) -> PipelinedMail | None:
        """Return a mail with its `client.plan_transaction`; None: no mail is to be pipelined now."""
        ...

    def return_mail(self, mail: Mail) -> None:
        """Take back a pipelined mail. Nothing of its content was sent, so another connection may have it."""
        ...


class NoUpcomingMails:
    """No mail is pipelined."""

    def next_mail(self, _client: SmtpClient) -> PipelinedMail | None:
        """See `UpcomingMails`."""
        return None

    def return_mail(self, mail: Mail) -> None:
        """See `UpcomingMails`."""
        raise AssertionError(f"{mail} was never given out")


NO_UPCOMING_MAILS = NoUpcomingMails()


async def connect(
    endpoint: Endpoint,
    *,
    helo_name: str,
    credentials: Credentials | None = None,
    timeouts: Timeouts | None = None,
    dialer: Dialer | None = None,
    lmtp: bool = False,
) -> SmtpClient:
    """Return a client that is secured as `endpoint.tls` demands, and logged in if there are `credentials`.

    Mail exchangers are tried in their order until one accepts the session; if none does, the last error is
    raised: `NetworkError` (no connection), `SessionRefused`, `TlsUnavailable` or `ConnectionLost`. Raises at
    once `LoginImpossible`, `LoginRefused`, `SaslError` and `Unsendable` (our name in EHLO).
    """
    times = timeouts or Timeouts()
    problem: MailferryError | None = None
    for server in await servers_of(endpoint, times):
        try:
            session = await open_session(
                server,
                helo_name=helo_name,
                credentials=credentials,
                timeouts=times,
                dialer=dialer,
                lmtp=lmtp,
            )
        except (NetworkError, SessionRefused, TlsUnavailable, ConnectionLost) as error:
            problem = error
        else:
            return SmtpClient(session)
    assert problem is not None
    raise problem


class SmtpClient:
    """An open connection that sends any number of mails, one after the other. Made by `connect`.

    If the server offers PIPELINING, the envelope of the next mail is sent with the content of the one before
    (RFC 2920, section 3.1), so that a mail costs one write and one wait instead of two. Nothing of the next
    mail's content is sent until the mail before is answered, so the next mail can still go by another
    connection without the danger of a duplicate.

    `mails_begun` counts the mails. Mails of `chunk_from` octets and more go by BDAT if the server offers it.
    """

    def __init__(self, session: SmtpSession, chunk_from: int = CHUNK_FROM) -> None:
        self.session = session
        self._dialogue = session.dialogue
        self._content = ContentSender(session.dialogue)
        self._chunk_from = chunk_from
        self._pipelined: PipelinedMail | None = None
        self.mails_begun = 0

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._dialogue.protocol.extensions

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._dialogue.is_tls

    @property
    def shortfall(self) -> Shortfall | None:
        """What the connection lacks of the TLS that was wanted; None: nothing."""
        return self.session.shortfall

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent, as far as is known: the server may have closed unnoticed."""
        return self._dialogue.usable

    @property
    def pipelined_mail(self) -> Mail | None:
        """The mail whose envelope was already sent: it has to be the next for `send_mail`."""
        return self._pipelined.mail if self._pipelined else None

    def plan_transaction(self, mail: Mail) -> Transaction:
        """Return the transaction for a mail. Raises `SizeRefused` and `EightBitRefused`."""
        return plan_transaction(mail, self._dialogue.protocol, self._chunk_from)

    def needs_new_session(self, mail: Mail) -> bool:
        """Whether the session has to restart before the terms for a mail are known (XCLIENT)."""
        return self.session.client_reported or xclient_for(mail, self.extensions) is not None

    async def send_mail(
        self, mail: Mail, upcoming: UpcomingMails = NO_UPCOMING_MAILS
    ) -> Sequence[RecipientReply]:
        """Send one mail; return the reply that decided about each recipient, in the envelope's order.

        Raises `SizeRefused` and `EightBitRefused` before anything of the mail is sent; a stream that turns
        out to be 8-bit against its envelope is abandoned in the middle. Raises `ConnectionLost`, and what the
        content raises; the connection is closed then.
        """
        transaction = await self._begin_transaction(mail)
        try:
            await self._send_envelope(transaction)
            await self._finish_transaction(mail, transaction, upcoming)
        except ConnectionLost as lost:
            lost.answered = transaction.outcome
            raise
        return transaction.outcome

    async def ask_about(self, reverse_path: str, addresses: Sequence[str]) -> Sequence[RecipientReply]:
        """Ask whether a mail from `reverse_path` would be accepted for each of `addresses`; send none.

        Raises `Unsendable` if `reverse_path` cannot be written, and `ConnectionLost`.
        """
        query = RecipientQuery(reverse_path, addresses, smtputf8=self.extensions.smtputf8)
        for group in self._command_groups(query.commands):
            if not query.open:
                break
            for answer in await self._dialogue.exchange(group):
                query.record_answer(answer)
        return query.replies

    async def quit(self) -> None:
        """Say QUIT and close; never raises."""
        await self._dialogue.quit()

    def abort(self) -> None:
        """Close at once, without a word."""
        self._dialogue.abort()

    async def _begin_transaction(self, mail: Mail) -> Transaction:
        if self._pipelined is None:
            self.mails_begun += 1
            refusal = await self._restart_session(mail) if self.needs_new_session(mail) else None
            return self.plan_transaction(mail) if refusal is None else refused_transaction(mail, refusal)
        assert self._pipelined.mail is mail
        return self._pipelined.transaction

    async def _restart_session(self, mail: Mail) -> Reply | None:
        """Restart the session as that of the mail's client; return the refusal if it is one of the mail."""
        xclient = xclient_for(mail, self.extensions)
        if xclient is None:
            await self.session.end_for_another_client()
        return await self.session.report_client(xclient)

    async def _send_envelope(self, transaction: Transaction) -> None:
        """Get the permission to send the content, in one round trip if the server allows it."""
        pipelined, self._pipelined = self._pipelined, None
        if pipelined is not None:
            transaction.record_answers(await self._dialogue.read_answers())
            return
        for group in self._command_groups(transaction.commands):
            if not (transaction.undecided and self._dialogue.open):
                return
            transaction.record_answers(await self._dialogue.exchange(group))

    def _command_groups(self, commands: Sequence[Command]) -> Sequence[Sequence[Command]]:
        """Divide commands into those that may be sent together, behind a RSET if a transaction is open."""
        if not commands:
            return []
        protocol = self._dialogue.protocol
        if protocol.state is _ENVELOPE:
            commands = [RSET, *commands]
        return [commands] if protocol.extensions.pipelining else [[command] for command in commands]

    async def _finish_transaction(
        self, mail: Mail, transaction: Transaction, upcoming: UpcomingMails
    ) -> None:
        state = self._dialogue.protocol.state
        if not transaction.undecided:
            if state is _CONTENT:
                await self._content.send_nothing()
            return
        if not self._dialogue.open:
            raise ConnectionLost("The target left before it had answered for all.")
        try:
            await self._send_content(mail, transaction, upcoming)
        finally:
            self._return_if_closed(upcoming)
        if transaction.undecided:
            raise ConnectionLost("The target left before it had answered for all.", after_content=True)

    async def _send_content(self, mail: Mail, transaction: Transaction, upcoming: UpcomingMails) -> None:
        dialogue = self._dialogue
        refusal = await self._content.send_content(
            mail, transaction.terms, lambda: self._pipeline_next(upcoming)
        )
        if refusal is not None:
            transaction.refuse_content(refusal)
            return
        prompt = self._pipelined is None or await dialogue.answers_within(PROMPT_ANSWER)
        if not prompt:
            self._return_pipelined(upcoming)
        answers: list[Answer] = []
        try:
            await dialogue.read_answers(answers)
        finally:
            transaction.record_answers(answers)
            if not prompt:
                dialogue.abort()  # the server waits for the content of the mail that was returned

    def _pipeline_next(self, upcoming: UpcomingMails) -> Sequence[Command]:
        """Take the next mail, and return the commands of its envelope."""
        if not self._dialogue.protocol.extensions.pipelining:
            return ()
        self._pipelined = upcoming.next_mail(self)
        if self._pipelined is None:
            return ()
        self.mails_begun += 1
        return self._pipelined.transaction.commands

    def _return_if_closed(self, upcoming: UpcomingMails) -> None:
        if not self._dialogue.open:
            self._return_pipelined(upcoming)

    def _return_pipelined(self, upcoming: UpcomingMails) -> None:
        pipelined, self._pipelined = self._pipelined, None
        if pipelined is not None:
            self.mails_begun -= 1
            upcoming.return_mail(pipelined.mail)
