"""What notices say: a digest of parked mail for a postmaster, a delivery status notification for a sender.

Pure. Notices are made by us alone: lines from outside stand in them quoted and cut, and nothing of a mail but
its header. In a field they are written as they are, even where they look like an encoded word (RFC 2047): an
address is none, and decoding can fail. Both notices say that a machine wrote them (Auto-Submitted, RFC 3834),
so that no machine answers.
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

MOST_LINES = 100
MOST_HEADER = 64 * 1024
MOST_VALUE = 900
"""Octets of a field's value, so that its line has fewer than 998 (RFC 5322, section 2.1.1)."""


class _Literal(str):
    """A field's value that `email` neither reads nor folds: printable ASCII on one line."""

    __slots__ = ("name",)
    name: str

    def fold(self, *, policy: Policy) -> str:
        """The whole field."""
        return f"{self.name}: {self}{policy.linesep}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends a notice: a host name, the time (seconds since the epoch), and a `token` that is its own."""

    host: str
    now: float
    token: str

    @property
    def sender(self) -> str:
        """The address in From. The envelope's sender is always the null one."""
        return f"MAILER-DAEMON@{self.host}"


def digest(tenant: str, to: str, parked: Sequence[Parked], origin: Origin) -> bytes:
    """A mail to a tenant's postmaster about recipients that were parked since the last one."""
    mail = _begun(f"Mailferry: {_counted(len(parked))} parked for {tenant}", to, origin, "auto-generated")
    lines = [f"{_counted(len(parked))} could not be delivered and await a decision:", ""]
    for each in parked[:MOST_LINES]:
        recipient = each.recipient
        lines += [
            f"{each.message.id}  for {quoted(recipient.address) or 'nobody'}  at {_moment(each.parked_at)}",
            f"    {quoted(recipient.text or recipient.reason)}",
        ]
    if len(parked) > MOST_LINES:
        lines.append(f"and {len(parked) - MOST_LINES} more")
    lines += ["", "mailferry parked show ID, and then retry, export or discard, decide about a mail.", ""]
    mail.set_content("\n".join(lines))
    return mail.as_bytes(policy=SMTP)


def delivery_status(to: str, parked: Sequence[Parked], header: bytes, origin: Origin) -> bytes:
    """A delivery status notification (RFC 3464) to the sender of one mail, about recipients that failed;
    `header` is the mail's own.
    """
    mail = _begun("Undelivered mail", to, origin, "auto-replied")
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
        header[:MOST_HEADER].decode("ascii", "replace"), subtype="rfc822-headers", cte="quoted-printable"
    )
    mail.set_payload([explanation, _status(parked, origin), original])
    return mail.as_bytes(policy=SMTP)


def _status(parked: Sequence[Parked], origin: Origin) -> Message:
    """The machine's part: a block about the mail, then one for each recipient (RFC 3464 section 2)."""
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
    """The enhanced status of a final failure: as the target gave it, else the general one (RFC 3463)."""
    if code.startswith("5.") and code.count(".") == 2 and code.replace(".", "").isdecimal():
        return code
    return "5.0.0" if code.startswith("5") else "5.4.7"


def _begun(subject: str, to: str, origin: Origin, submitted: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = f"Mailferry <{origin.sender}>"
    mail["To"] = _literal("To", to) if to.isascii() else to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(origin.now, UTC))
    mail["Message-ID"] = f"<{origin.token}@{origin.host}>"
    mail["Auto-Submitted"] = submitted
    mail["MIME-Version"] = "1.0"
    return mail


def _counted(number: int) -> str:
    return "1 recipient" if number == 1 else f"{number} recipients"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _literal(name: str, value: str) -> _Literal:
    shown = quoted(value, MOST_VALUE).encode("ascii", "backslashreplace")
    literal = _Literal(shown[:MOST_VALUE].decode("ascii"))
    literal.name = name
    return literal
