"""Writes the notices: a digest of parked mail for a postmaster, a delivery status notification for a sender.

Pure. Text from outside is quoted and cut, and of a mail only the header is included. In a header field such
text is written as it is, even if it looks like an encoded word (RFC 2047): an address is none, and decoding
can fail. Both notices have Auto-Submitted (RFC 3834), so that no program answers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.policy import SMTP, Policy
from email.utils import format_datetime

from shared.model.errors import quoted
from shared.ports.store import Parked

MAX_LISTED = 100
MAX_HEADER = 64 * 1024
MAX_VALUE = 900
"""Octets of a field's value, so that the line has less than 998 (RFC 5322, section 2.1.1)."""


class _Literal(str):
    """A field's value that the `email` package neither parses nor folds: printable ASCII on one line."""

    __slots__ = ("name",)
    name: str

    def fold(self, *, policy: Policy) -> str:
        """Return the whole field."""
        return f"{self.name}: {self}{policy.linesep}"


@dataclass(frozen=True, slots=True)
class NoticeOrigin:
    """The sending host's name, the time (seconds since the epoch), and a `token` for the Message-ID."""

    host: str
    now: float
    token: str

    @property
    def sender(self) -> str:
        """The address in From; the envelope has the null sender."""
        return f"MAILER-DAEMON@{self.host}"


def digest(tenant: str, to: str, parked: Sequence[Parked], origin: NoticeOrigin) -> bytes:
    """Return a mail to a tenant's postmaster about the recipients that were parked since the last digest."""
    mail = _new_notice(f"Mailferry: {_count(len(parked))} parked for {tenant}", to, origin, "auto-generated")
    lines = [f"{_count(len(parked))} could not be delivered and await a decision:", ""]
    for each in parked[:MAX_LISTED]:
        recipient = each.recipient
        lines += [
            f"{each.message.id}  for {quoted(recipient.address) or 'nobody'}  at {_time(each.parked_at)}",
            f"    {quoted(recipient.text or recipient.reason)}",
        ]
    if len(parked) > MAX_LISTED:
        lines.append(f"and {len(parked) - MAX_LISTED} more")
    lines += ["", "mailferry parked show ID, and then retry, export or discard, decide about a mail.", ""]
    mail.set_content("\n".join(lines))
    return mail.as_bytes(policy=SMTP)


def delivery_status(to: str, parked: Sequence[Parked], header: bytes, origin: NoticeOrigin) -> bytes:
    """Return a delivery status notification (RFC 3464) to the sender of a mail about failed recipients.

    `header` is that of the mail.
    """
    mail = _new_notice("Undelivered mail", to, origin, "auto-replied")
    mail["Content-Type"] = 'multipart/report; report-type="delivery-status"'
    text = ["Your mail could not be delivered to:", ""]
    for each in parked:
        text += [
            f"{quoted(each.recipient.original or each.recipient.address)}",
            f"    {quoted(each.recipient.text)}",
        ]
    explanation = EmailMessage()
    explanation.set_content("\n".join([*text, ""]))
    original = EmailMessage()
    original.set_content(
        header[:MAX_HEADER].decode("ascii", "replace"), subtype="rfc822-headers", cte="quoted-printable"
    )
    mail.set_payload([explanation, _status(parked, origin), original])
    return mail.as_bytes(policy=SMTP)


def _status(parked: Sequence[Parked], origin: NoticeOrigin) -> Message:
    """Return the machine-readable part: fields of the mail, then of each recipient (RFC 3464 section 2)."""
    about = Message()
    about["Reporting-MTA"] = f"dns; {origin.host}"
    blocks: list[Message | str] = [about]
    for each in parked:
        block = Message()
        recipient = each.recipient.destination or each.recipient.address
        block["Final-Recipient"] = _literal("Final-Recipient", f"rfc822; {recipient}")
        block["Action"] = "failed"
        block["Status"] = status_code(each.recipient.code)
        if each.recipient.code:
            block["Diagnostic-Code"] = _literal("Diagnostic-Code", f"smtp; {quoted(each.recipient.text)}")
        blocks.append(block)
    part = Message()
    part["Content-Type"] = "message/delivery-status"
    part.set_payload(blocks)
    return part


def status_code(code: str) -> str:
    """Return the enhanced status code of a final failure: the target's, or a general one (RFC 3463)."""
    if code.startswith("5.") and code.count(".") == 2 and code.replace(".", "").isdecimal():
        return code
    return "5.0.0" if code.startswith("5") else "5.4.7"


def _new_notice(subject: str, to: str, origin: NoticeOrigin, submitted: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = f"Mailferry <{origin.sender}>"
    mail["To"] = _literal("To", to) if to.isascii() else to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(origin.now, UTC))
    mail["Message-ID"] = f"<{origin.token}@{origin.host}>"
    mail["Auto-Submitted"] = submitted
    mail["MIME-Version"] = "1.0"
    return mail


def _count(number: int) -> str:
    return "1 recipient" if number == 1 else f"{number} recipients"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _literal(name: str, value: str) -> _Literal:
    shown = quoted(value, MAX_VALUE).encode("ascii", "backslashreplace")
    literal = _Literal(shown[:MAX_VALUE].decode("ascii"))
    literal.name = name
    return literal
