"""Whether a server takes a mail, as far as it has said so, and on which terms."""

from __future__ import annotations

from shared.smtp.client_command import report
from shared.smtp.client_report import XCLIENT, XFORWARD, ReportedClient
from shared.smtp.commands import Command
from shared.smtp.connection import SmtpConnection
from shared.smtp.errors import EightBitRefused, SizeRefused
from shared.smtp.extensions import Extensions
from shared.smtp.mail import Mail
from shared.smtp.paths import Parameters
from shared.smtp.reply import Reply
from shared.smtp.transaction import Terms, Transaction

CHUNK_FROM = 256 * 1024
"""Octets from which on a mail goes by BDAT, where the server offers it."""


def take(mail: Mail, protocol: SmtpConnection, chunk_from: int) -> Transaction:
    """The transaction for a mail. Raises `SizeRefused` and `EightBitRefused`.

    A stream that may or may not be 8-bit is declared 8-bit: that is never wrong.
    """
    extensions, size, eight_bit = protocol.extensions, mail.size, mail.eight_bit
    limit = extensions.size_limit
    if size is not None and limit is not None and size > limit:
        text = f"The mail has {size} octets; the target takes at most {limit}."
        raise SizeRefused(text, Reply(552, (b"5.3.4 " + text.encode(),), local=True))
    if eight_bit and not extensions.eight_bit_mime:
        raise eight_bit_refused()
    parameters = Parameters(
        size=size if extensions.size else None,
        eight_bit=extensions.eight_bit_mime and eight_bit is not False,
        smtputf8=extensions.smtputf8 and mail.envelope.international,
        dsn=mail.envelope.dsn if extensions.dsn else None,
    )
    chunked = extensions.chunking and (
        size is None or size >= chunk_from or (mail.prepared is not None and mail.prepared.has_nul)
    )
    terms = Terms(
        parameters,
        chunked=chunked,
        each_answered=protocol.lmtp,
        report=_report(mail.envelope.client, XFORWARD, extensions),
    )
    return Transaction(mail.envelope, terms)


def eight_bit_refused() -> EightBitRefused:
    """The server does not offer what the mail needs (RFC 6152)."""
    text = "The mail has 8-bit octets and the target does not offer 8BITMIME."
    return EightBitRefused(text, Reply(554, (b"5.6.3 " + text.encode(),), local=True))


def introduction(mail: Mail, protocol: SmtpConnection) -> Command | None:
    """The XCLIENT that begins the session anew for a mail, before it can be known on which terms it is taken;
    None where it is not wanted or not offered.
    """
    client = mail.envelope.client
    return None if client is None else _report(client, XCLIENT, protocol.extensions)


def _report(client: ReportedClient | None, by: str, extensions: Extensions) -> Command | None:
    if client is None or client.by != by:
        return None
    offered = extensions.keywords.get(client.by)
    return report(client, [each.upper() for each in offered]) if offered else None
