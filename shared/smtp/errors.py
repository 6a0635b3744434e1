"""What can go wrong on the way to a target, apart from its replies about single recipients.

Nearly all of it is temporary and the target's: the mail stays where it is and is tried again.
`ConnectionLost` tells whether the mail may have arrived nevertheless: that decides between "not delivered"
and "in doubt".
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.model.errors import Fault, MailferryError
from shared.smtp.envelope import RecipientReply
from shared.smtp.reply import Reply


class SmtpError(MailferryError):
    """The base of what the SMTP client raises."""

    fault = Fault.TARGET


class ProtocolViolation(SmtpError):
    """The server said something that SMTP does not know, or at a moment at which it has nothing to say.

    `said` is the line that is no reply, if it was one.
    """

    def __init__(self, sentence: str, *, said: bytes = b"") -> None:
        super().__init__(sentence)
        self.said = said


class LocalProtocolError(SmtpError):
    """This program asked the connection for something that its state forbids: a mistake in Mailferry."""

    temporary = False
    fault = Fault.OURS


class ConnectionLost(SmtpError):
    """The connection is gone, or is out of step or silent so that it had to be given up.

    `content_begun`: octets of the mail had been sent. `after_content`: the final dot had been sent and not
    every reply was seen, so the target may have the mail (RFC 1047). `answered` are those recipients about
    whom the target had decided before.
    """

    def __init__(self, sentence: str, *, content_begun: bool = False, after_content: bool = False) -> None:
        super().__init__(sentence)
        self.content_begun = content_begun or after_content
        self.after_content = after_content
        self.answered: Sequence[RecipientReply] = ()


class WrongService(ConnectionLost):
    """The server does not greet as SMTP does; the port may be another service's."""


class NoConnectionFree(SmtpError):
    """The target is so slow that none of its connections became free in time; nothing was sent."""


class SessionRefused(SmtpError):
    """The server does not want to talk to us: its greeting or its answer to EHLO says so in `reply`."""

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence)
        self.reply = reply


class TlsUnavailable(SmtpError):
    """TLS is required and not to be had."""


class CertificateUntrusted(TlsUnavailable):
    """TLS would be there, but the target's certificate is not trusted, for this `reason`."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class LoginImpossible(SmtpError):
    """The server offers no way to log in that we know and may use."""

    temporary = False
    fault = Fault.OPERATOR


class LoginRefused(SmtpError):
    """The server refused the login with `reply`; temporary if the reply is."""

    fault = Fault.OPERATOR

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence, temporary=reply.severity == 4)
        self.reply = reply


class Unsendable(SmtpError):
    """A value that no SMTP command can carry; nothing was sent. `status` is the enhanced code, if it is a
    special one.
    """

    temporary = False
    fault = Fault.MAIL

    def __init__(self, sentence: str, status: str = "") -> None:
        super().__init__(sentence)
        self.status = status

    def as_reply(self, status: str) -> Reply:
        """The refusal as a server would have put it, with the enhanced `status` code where it has no own."""
        return Reply(553, (f"{self.status or status} {self}".encode(),), local=True)


class RefusedHere(SmtpError):
    """This client refused the mail before sending any of it, with `reply` as the server would have put it."""

    temporary = False
    fault = Fault.MAIL

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence)
        self.reply = reply


class SizeRefused(RefusedHere):
    """The mail is larger than the size the target announced (RFC 1870)."""


class EightBitRefused(RefusedHere):
    """The mail has 8-bit octets and the target offers no 8BITMIME (RFC 6152); converting damages."""
