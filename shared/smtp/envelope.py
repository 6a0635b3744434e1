"""Envelope in, replies out: what the client is asked to send and what it reports for each recipient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.smtp.client_report import ReportedClient
from shared.smtp.dsn import Dsn
from shared.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom a mail is from and for; an empty `reverse_path` is the null sender and stays it.

    `size` (octets with CRLF line ends) and `eight_bit` describe content that comes as a stream; None: not
    known. For content that is given whole both are counted, and these are not looked at. `dsn` and `client`
    are said to targets that offer it. Mails of different `flow`s take turns, see `shared.model.fair_queue`.
    """

    reverse_path: str
    recipients: tuple[str, ...]
    size: int | None = None
    eight_bit: bool | None = None
    dsn: Dsn | None = None
    client: ReportedClient | None = None
    flow: str = ""

    @property
    def international(self) -> bool:
        """Whether an address goes beyond ASCII."""
        return not (self.reverse_path.isascii() and all(map(str.isascii, self.recipients)))

    def __post_init__(self) -> None:
        if not self.recipients:
            raise ValueError("An envelope needs a recipient.")


class Phase(StrEnum):
    """The step of the transaction that decided about a recipient."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


class RecipientReply(NamedTuple):
    """The reply that decided about one recipient.

    Where a mail was sent it is positive only in the phase CONTENT, and then the target has the mail; where it
    was only asked about, a positive one in the phase RCPT says that it would be taken.
    """

    recipient: str
    reply: Reply
    phase: Phase
