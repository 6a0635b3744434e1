"""Errors of the SMTP client, apart from replies about single recipients.

Nearly all are temporary and the target's fault: the mail is kept and tried again. `ConnectionLost` tells
whether the mail may have arrived nevertheless: "not delivered" or "in doubt".
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.model.errors import Fault, MailferryError
from shared.smtp.envelope import RecipientReply
from shared.smtp.reply import Reply


class SmtpError(MailferryError):
    """The base of the SMTP client's errors."""

    fault = Fault.TARGET


class ProtocolViolation(SmtpError):
    """The server sent something that is no reply, or a reply at the wrong moment.

    `said` is the line that is no reply, if that was the problem.
    """

    def __init__(self, sentence: str, *, said: bytes = b"") -> None:
        super().__init__(sentence)
        self.said = said


class LocalProtocolError(SmtpError):
    """Mailferry tried to send something that the state of the connection forbids: a bug."""

    temporary = False
    fault = Fault.OURS


class ConnectionLost(SmtpError):
    """The connection is gone, or was given up because the server violated the protocol or did not answer.

    `content_begun`: octets of the mail had been sent. `after_content`: the final dot had been sent and a
    reply is missing, so the target may have the mail (RFC 1047). `answered`: the replies about recipients
    that the target had decided about before.
    """

    def __init__(self, sentence: str, *, content_begun: bool = False, after_content: bool = False) -> None:
        super().__init__(sentence)
        self.content_begun = content_begun or after_content
        self.after_content = after_content
        self.answered: Sequence[RecipientReply] = ()


class WrongService(ConnectionLost):
    """The server does not greet as an SMTP server does; the port may belong to another service."""


class NoConnectionFree(SmtpError):
    """No connection to the target became free in time; nothing was sent."""


class SessionRefused(SmtpError):
    """The server refused the session in its greeting or its answer to EHLO (`reply`)."""

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence)
        self.reply = reply


class TlsUnavailable(SmtpError):
    """TLS is required and not available."""


class CertificateUntrusted(TlsUnavailable):
    """TLS is available, but the target's certificate is not trusted, for this `reason`."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class LoginImpossible(SmtpError):
    """The server offers no login method that we know and may use."""

    temporary = False
    fault = Fault.OPERATOR


class LoginRefused(SmtpError):
    """The server refused the login with `reply`; temporary if the reply is."""

    fault = Fault.OPERATOR

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence, temporary=reply.severity == 4)
        self.reply = reply


class TokenRefused(LoginRefused):
    """The server refused an OAuth token that its provider has just given."""


class Unsendable(SmtpError):
    """A value that cannot be written in an SMTP command; nothing was sent.

    `status`: the enhanced status code, if a special one applies.
    """

    temporary = False
    fault = Fault.MAIL

    def __init__(self, sentence: str, status: str = "") -> None:
        super().__init__(sentence)
        self.status = status

    def as_reply(self, status: str) -> Reply:
        """Return the refusal as a server would write it, with `status` if the error has none of its own."""
        return Reply(553, (f"{self.status or status} {self}".encode(),), local=True)


class RefusedHere(SmtpError):
    """The client refused the mail before sending any of it; `reply` is as a server would write it."""

    temporary = False
    fault = Fault.MAIL

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence)
        self.reply = reply


class SizeRefused(RefusedHere):
    """The mail is larger than the size limit that the target announced (RFC 1870)."""


class EightBitRefused(RefusedHere):
    """The mail has 8-bit octets and the target offers no 8BITMIME (RFC 6152); converting would damage it."""
