"""Settings of an account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from shared.config import providers, routing_values, urls, values
from shared.config.settings.servers import ServerSettings
from shared.config.settings.types import Domain, Name, Secret, Text
from shared.model.account import REFUSE, CustodyMode, Dedup, ExistenceCheck, MailboxKind, RetryTimes, Watch
from shared.model.address import Address
from shared.model.authentication import DETECTIONS
from shared.model.begin import ALL, Begin
from shared.model.folders import FolderSettings
from shared.model.reading import Reading
from shared.model.recipient_field import RecipientField
from shared.model.retention import Retention
from shared.model.sender import SenderKind
from shared.model.setting import Settings, only_for, required, setting


class RoutingSettings(Settings):
    """Who gets the mail, which sender it has, and which field names its source folder."""

    mailbox: Annotated[MailboxKind, Field(strict=False)] | None = setting(
        None, "Whether the mailbox holds one person's mail or that of whole domains. Needed."
    )
    recipient: Annotated[Address, PlainValidator(values.address)] | None = setting(
        None, "The recipient of all mail of a single mailbox.", form="address", example="bob@corp.example"
    )
    domains: Annotated[dict[str, str], PlainValidator(routing_values.domains)] = setting(
        {},
        "The domains that a catch-all mailbox has mail for, each kept or translated.",
        form="table of domains",
        example={"acme.com": "keep", "acme.net": "acme.local"},
    )
    aliases: Annotated[dict[Address, Address], PlainValidator(routing_values.aliases)] = setting(
        {},
        "Addresses that stand for others.",
        form="table of addresses",
        example={"info@acme.com": "bob@corp.example"},
    )
    folder_recipients: Annotated[dict[str, Address], PlainValidator(routing_values.folder_recipients)] = (
        setting(
            {},
            "Addresses that get all mail of a source folder, whatever its header says. `/` is between the "
            "levels of a folder's name.",
            form="table of folders",
            example={"Sales": "sales@corp.example", "Info/Web": "info@corp.example"},
            only=only_for("imap", "POP3 has no folders"),
        )
    )
    folder_header: Annotated[str, PlainValidator(routing_values.folder_header)] | None = setting(
        None,
        "The header field in which delivered mail names its source folder.",
        form="name of a header field",
        example="X-Source-Folder",
        only=only_for("imap", "POP3 has no folders"),
    )
    subaddresses: Literal["keep", "strip"] = setting("keep", "Whether `+tag` stays in a local part.")
    recipient_headers: Annotated[
        tuple[RecipientField, ...], PlainValidator(routing_values.recipient_fields)
    ] = setting(
        (),
        "Header fields in which the provider names the recipient. They are trusted before all else.",
        form="list of header fields",
        example=["X-Original-To", "Delivered-To:2"],
    )
    only_recipient_headers: bool = setting(False, "Whether only `recipient_headers` is read.")
    recipient_prefix: Annotated[tuple[str, ...], PlainValidator(routing_values.prefixes)] = setting(
        (), "What the provider puts before local parts.", form="text or list of texts", example="mbox-"
    )
    own_addresses: Annotated[tuple[Address, ...], PlainValidator(routing_values.addresses)] = setting(
        (),
        "Addresses of the mailbox itself, besides its login.",
        form="list of addresses",
        example=["box17@isp.example"],
    )
    surplus_copies: Literal["postmaster", "suppress"] = setting(
        "postmaster",
        "What becomes of a copy beyond the recipients that To and Cc name. See `docs/existence.md`.",
    )
    trusted_hosts: Annotated[tuple[str, ...], PlainValidator(routing_values.trusted_hosts)] = setting(
        (),
        "The provider's hosts, if the topmost Received line does not show its domain.",
        form="list of hosts",
        example=["*.isp.example"],
    )
    verify_recipients: Annotated[str, PlainValidator(values.existence)] = setting(
        ExistenceCheck.NONE.value,
        "How recipients are checked: not at all, by asking the target (RCPT), or by a list.",
        form='"none", "rcpt" or "file:" and a path',
        example="rcpt",
        formerly="recipients",
    )
    unknown_recipients: Annotated[Address | str, PlainValidator(values.unknown_recipients)] = setting(
        REFUSE,
        "Mail for recipients that do not exist goes to a postmaster, is parked, or is left to the target.",
        form='address, "park" or "refuse"',
        example="postmaster@acme.local",
    )
    dedup: Annotated[Dedup, Field(strict=False)] = setting(Dedup.CONTENT, "What makes two mails the same.")
    sender: Annotated[SenderKind | Address, PlainValidator(routing_values.sender)] = setting(
        SenderKind.PRESERVE,
        "The reverse-path of delivered mail.",
        form='"preserve", "null", "srs" or an address',
        example="srs",
    )
    srs_domain: Domain | None = setting(
        None, "The domain of rewritten senders.", form="domain", example="srs.corp.example"
    )
    srs_key: Secret | None = setting(None, "The key that signs rewritten senders, of at least 8 characters.")
    srs_key_file: Text | None = setting(None, "A file that holds the key alone.")
    srs_key_env: Text | None = setting(None, "The environment variable that holds the key.")


class AccountSettings(ServerSettings, RetryTimes, Reading, FolderSettings, RoutingSettings):
    """A mailbox that mail is fetched from. `[defaults]` takes the same keys but `name`.

    `source` (or `provider`), `target` and `mailbox` are needed.
    """

    tenant: Name = setting(
        "default", "The customer that the account belongs to.", form="name", example="acme"
    )
    name: Annotated[Name, required("Unique within the tenant.", form="name", example="catchall")]
    provider: Annotated[str, PlainValidator(providers.provider_name)] | None = setting(
        None, "A known provider, which fills in the server. `mailferry providers` lists them.", example="gmx"
    )
    source: Annotated[urls.ServerUrl, PlainValidator(urls.source_url)] | None = setting(
        None,
        "Where the mailbox is.",
        form="`pop3://`, `pop3s://`, `imap://` or `imaps://`; with `provider` also `pop3` or `imap`",
        example="pop3s://user%40acme.example@pop.isp.example",
    )
    auth: Annotated[tuple[str, ...], PlainValidator(values.auth_methods)] = setting(
        (),
        "The login methods that are tried, in this order. `auto` tries what is offered, safest first.",
        form='"auto", "oauth" or a list of methods',
        example=["scram-sha-256", "user"],
        only=only_for("pop3", "IMAP has no APOP", "apop"),
    )
    detect: Annotated[tuple[str, ...], PlainValidator(values.detections)] = setting(
        DETECTIONS,
        "The commands that ask the server what it offers.",
        form="list of ways",
        only=only_for("pop3", "an IMAP server always announces what it offers"),
    )
    target: Name | None = setting(
        None, "The target that the mail is delivered to.", form="name", example="exchange"
    )
    begin: Annotated[Begin, PlainValidator(values.begin)] = setting(
        ALL,
        "From when on mail is delivered. With `now` all mail that the first visit finds is left alone; with "
        "a date, what of it was received before. See `docs/source-reading.md`.",
        form='"all", "now" or a date such as "2026-11-01"',
        example="now",
    )
    retention: Annotated[Retention, PlainValidator(values.retention)] = setting(
        Retention(0),
        "How long a copy stays at the source.",
        form='"delete", "keep" or days such as "7d"',
        example="7d",
    )
    watch: Annotated[Watch, Field(strict=False)] = setting(
        Watch.OFF,
        "`keep`: the session stays open, so that a visit needs no login. `idle`: it also tells of new mail. "
        "`auto`: `idle` where the server can do that, else `keep`, while there are connections to spare.",
        only=only_for("imap", "a POP3 session is a snapshot and locks the mailbox"),
    )
    custody: Annotated[CustodyMode, Field(strict=False)] = setting(
        CustodyMode.SOURCE,
        "`spool` is for a source that hides or deletes what was read. See `docs/custody.md`.",
        only=only_for("pop3", "reading by IMAP hides and deletes nothing", "spool"),
    )
    enabled: bool = setting(True, "Whether the mailbox is visited, and mail of it delivered.")
