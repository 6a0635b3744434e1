"""A mail to be sent (envelope and content), and what the client reports for each recipient."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from shared.smtp.content import PreparedContent, prepare
from shared.smtp.reply import Reply

XCLIENT, XFORWARD = "XCLIENT", "XFORWARD"

Content = bytes | AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class Dsn:
    """The delivery status notifications that the target is asked for (RFC 3461).

    `notify`: "never", or some of "success", "failure" and "delay". `full`: notifications have the whole mail
    instead of its header. `envelope_id` comes back in them. `originals`: the original address by recipient.
    """

    notify: tuple[str, ...]
    full: bool = False
    envelope_id: str = ""
    originals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportedClient:
    """The client that a mail came from, as the provider's servers noted it, for targets that trust us.

    Host name, IP address, and the name that it gave in HELO; "" for what is not known. `by`: XCLIENT or
    XFORWARD.
    """

    by: str
    name: str = ""
    address: str = ""
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients of a mail; an empty `reverse_path` is the null sender and stays it.

    `size` (octets with CRLF line ends) and `eight_bit` describe content that comes as a stream; None: not
    known. For content that is given whole, both are computed and these are ignored. `dsn` and `client` are
    sent to targets that offer the extension. Mails of different `flow`s take turns (`FairQueue`).
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
        """Whether an address has characters beyond ASCII."""
        return not (self.reverse_path.isascii() and all(map(str.isascii, self.recipients)))

    def __post_init__(self) -> None:
        if not self.recipients:
            raise ValueError("An envelope needs a recipient.")


class Mail:
    """Envelope and content. The prepared content is kept, since several connections may try the mail."""

    __slots__ = ("_prepared", "content", "envelope")

    def __init__(self, envelope: Envelope, content: Content) -> None:
        self.envelope = envelope
        self.content = content
        self._prepared: PreparedContent | None = None

    @property
    def prepared(self) -> PreparedContent | None:
        """The content ready to be sent; None if it is a stream."""
        if self._prepared is None and isinstance(self.content, bytes):
            self._prepared = prepare(self.content)
        return self._prepared

    @property
    def size(self) -> int | None:
        """Octets with CRLF line ends; None: not known."""
        prepared = self.prepared
        return self.envelope.size if prepared is None else prepared.size

    @property
    def eight_bit(self) -> bool | None:
        """Whether there are octets beyond ASCII; None: not known."""
        prepared = self.prepared
        return self.envelope.eight_bit if prepared is None else prepared.eight_bit


class Phase(StrEnum):
    """The step of the transaction that decided about a recipient."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


class RecipientReply(NamedTuple):
    """The reply that decided about one recipient.

    If a mail was sent, the reply is positive only in the phase CONTENT, and then the target has the mail. If
    the target was only asked, a positive reply in the phase RCPT says that it would accept the mail.
    """

    recipient: str
    reply: Reply
    phase: Phase
