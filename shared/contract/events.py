"""The events on the broker: a closed set with explicit wire names and versions, named in the past tense.

An event is a hint that carries the mail; the database is the truth. Every event has the ledger's `fetch_no`,
by which a stale or duplicate event is recognised and dropped. Events never contain credentials. Times are
seconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.model.message import LedgerKey


class Record(BaseModel):
    """What goes over the wire or into the journal: frozen, named and versioned.

    Validators are built at first use: a process uses only some records and should not wait for all at its
    start.
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
    left_out_if_empty: ClassVar[frozenset[str]] = frozenset()
    """Fields that the release before does not know. It can read the records that do without."""


class Payload(BaseModel):
    """The raw mail: inside the event if it is small, else the name of its blob. `octets` is its length."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    octets: int
    inline: bytes | None = None
    blob: str | None = None


class MessageFetched(Record):
    """The fetcher read a mail and entered it into the ledger. `fetched_at` is when it was first read.

    With a `park_reason` nobody gets the mail before an operator has seen it. `revision` is the registry's
    that the fetcher knew: who knows an older one reads it again. `trace` is the context of the fetcher's step
    (a `traceparent`) where tracing is on.
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
    revision: int = 0
    trace: str = ""


class RoutedRecipient(BaseModel):
    """One recipient to deliver to. `attempt` is the number of attempts when the event was made.

    `address` names the recipient in the database; the target gets `destination`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    address: str
    destination: str
    attempt: int


class MessageRouted(Record):
    """The router resolved a mail's recipients. Those listed here are to be delivered by `target`.

    `client_name` and `client_address` are the host from which the provider received the mail, as far as
    known. They are set only for targets that want them. `revision` is the registry's that the router knew.
    `trace` is the context of the router's step where tracing is on.
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
    revision: int = 0
    trace: str = ""


class MessageSettled(Record):
    """Every recipient of these mails is done. One fetcher process fetched them all.

    This is a hint that ends a wait. Only the database allows the deletion at the source, so the ids are
    enough. Version 1 was about one mail, and had its account and `fetch_no`.
    """

    wire_name = "message.settled"
    wire_version = 2

    messages: tuple[str, ...]


Event = MessageFetched | MessageRouted | MessageSettled
EVENTS: tuple[type[Record], ...] = (MessageFetched, MessageRouted, MessageSettled)
