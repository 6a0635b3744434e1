"""The SMTP client: connect, send mails over one connection, leave.

It reports what the server said about each recipient and decides nothing: whether a reply means delivered,
later or never is not its business. What it never does: damage a mail, or send one that the server said it
cannot take.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.model.endpoint import Endpoint
from shared.model.errors import MailferryError
from shared.net.errors import NetworkError
from shared.net.protection import Shortfall
from shared.smtp.commands import NOOP, RSET
from shared.smtp.courier import Courier
from shared.smtp.dialogue import Dialogue
from shared.smtp.envelope import Envelope, RecipientReply
from shared.smtp.errors import ConnectionLost, SessionRefused, TlsUnavailable
from shared.smtp.extensions import Extensions
from shared.smtp.inquiry import Inquiry
from shared.smtp.login import Credentials
from shared.smtp.mail import Content, Mail
from shared.smtp.opening import Dialer, open_session
from shared.smtp.places import places
from shared.smtp.reply import Reply
from shared.smtp.timeouts import Timeouts


async def connect(
    endpoint: Endpoint,
    *,
    helo_name: str,
    credentials: Credentials | None = None,
    timeouts: Timeouts | None = None,
    dialer: Dialer | None = None,
    lmtp: bool = False,
) -> SmtpClient:
    """A client that is greeted, secured as `endpoint.tls` demands, and logged in if `credentials` are given.

    Of several mail exchangers it is the first that lets us in; where none does, the last one's error counts.

    Raises `NetworkError` (no connection), `SessionRefused`, `TlsUnavailable`, `LoginImpossible`,
    `LoginRefused`, `SaslError`, `Unsendable` (the name for EHLO) or `ConnectionLost`.
    """
    waits = timeouts or Timeouts()
    problem: MailferryError | None = None
    for place in await places(endpoint, waits):
        try:
            dialogue = await open_session(
                place,
                helo_name=helo_name,
                credentials=credentials,
                timeouts=waits,
                dialer=dialer,
                lmtp=lmtp,
            )
        except (NetworkError, SessionRefused, TlsUnavailable, ConnectionLost) as error:
            problem = error
        else:
            return SmtpClient(dialogue)
    assert problem is not None
    raise problem


class SmtpClient:
    """An open connection, for one mail at a time and any number of them. Made by `connect`."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._courier = Courier(dialogue)

    @property
    def courier(self) -> Courier:
        """What carries mails over this connection, one behind the other."""
        return self._courier

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
        return self._dialogue.shortfall

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent, as far as is known: a server may leave without a word."""
        return self._dialogue.usable

    async def send(self, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """Send one mail; the reply that decided about each recipient, in the order of the envelope.

        Raises `SizeRefused` and `EightBitRefused` (nothing of the mail was sent, except where a stream turns
        out to be 8-bit against the envelope: then it was abandoned), or `ConnectionLost`. What `content`
        raises passes through; the connection is closed then.
        """
        return await self._courier.carry(Mail(envelope, content))

    async def ask_about(self, reverse_path: str, addresses: Sequence[str]) -> Sequence[RecipientReply]:
        """Whether a mail from `reverse_path` would be taken for each of `addresses`; no mail is sent.

        Raises `Unsendable` where `reverse_path` cannot be written, and `ConnectionLost`.
        """
        inquiry = Inquiry(reverse_path, addresses, smtputf8=self.extensions.smtputf8)
        for group in self._courier.groups(inquiry.commands):
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
