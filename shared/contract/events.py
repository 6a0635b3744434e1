"""The events on the broker: a closed union, in the past tense, with explicit wire names and versions.

An event is a hint with the mail in it; the database is the truth. Every event carries the ledger's
`fetch_no`, by which a stale or duplicate one is recognised and dropped. Credentials never ride in events.
Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.model.message import LedgerKey


class Record(BaseModel):
    """What goes over the wire or into the journal: frozen, named and versioned.

    What validates a record is made when the first one is: a process has use for some of them, and none waits
    for all at its start.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )

    wire_name: ClassVar[str]
    wire_version: ClassVar[int] = 1


class Payload(BaseModel):
    """The raw mail: inside the event when it is small, else as the name of a blob. `octets` is its true
    length.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    octets: int
    inline: bytes | None = None
    blob: str | None = None


class MessageFetched(Record):
    """The fetcher has read a mail and entered it into the ledger; `fetched_at` is when that was so first.

    `park_reason` is set where nobody is to get the mail, as an operator has to see it first.
    """

    wire_name = "message.fetched"

    message: str
    tenant: str
    account: str
    fetch_no: int
    key: LedgerKey
    fetched_at: float
    payload: Payload
    park_reason: str | None = None


class RoutedRecipient(BaseModel):
    """One recipient to be served; `attempt` is how many attempts the database knew when this was said.

    `address` names the recipient in the database, `destination` is the address that the target is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    address: str
    destination: str
    attempt: int


class MessageRouted(Record):
    """The router has resolved a mail's recipients; those listed here are to be served by `target`.

    `client_name` and `client_address` are the host that the provider had the mail from, as far as he noted
    it; found out only for targets that are told.
    """

    wire_name = "message.routed"

    message: str
    tenant: str
    account: str
    fetch_no: int
    target: str
    reverse_path: str
    recipients: tuple[RoutedRecipient, ...]
    fetched_at: float
    payload: Payload
    client_name: str = ""
    client_address: str = ""


class MessageSettled(Record):
    """Every recipient of these mails, all fetched by one process, is done.

    A hint, which ends a wait: only the database allows the deletion at the source, so nothing else need be
    said of them. Version 1 was about one mail, and told its account and `fetch_no`.
    """

    wire_name = "message.settled"
    wire_version = 2

    messages: tuple[str, ...]


Event = MessageFetched | MessageRouted | MessageSettled
EVENTS: tuple[type[Record], ...] = (MessageFetched, MessageRouted, MessageSettled)
