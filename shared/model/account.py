"""An account: one mailbox at a source, and what is to be done with its mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import PlainValidator, SecretStr

from shared.model.address import Address
from shared.model.authentication import DETECTIONS
from shared.model.backoff import Backoff
from shared.model.begin import ALL, Begin
from shared.model.duration import Duration
from shared.model.endpoint import Endpoint
from shared.model.folders import FolderSettings
from shared.model.mailbox import comparable_folder
from shared.model.oauth import GrantRef, account_grant
from shared.model.poll_interval import PollInterval
from shared.model.reading import Reading
from shared.model.recipient_field import RecipientField
from shared.model.retention import Retention
from shared.model.sender import SenderRule
from shared.model.setting import Settings, duration, setting


class MailboxKind(StrEnum):
    """Whether a mailbox holds the mail of one person, or of all addresses of some domains."""

    SINGLE = "single"
    CATCH_ALL = "catch-all"


class CustodyMode(StrEnum):
    """Where a mail is safe until its recipients are done: at its source, or in a blob (rule 6).

    `SPOOL` is for sources that hide or delete what was read.
    """

    SOURCE = "source"
    SPOOL = "spool"


class Dedup(StrEnum):
    """What makes two mails copies of each other: content, the Message-ID alone, or nothing."""

    CONTENT = "content"
    MESSAGE_ID = "message-id"
    OFF = "off"


class ExistenceCheck(StrEnum):
    """How the router learns whether a recipient exists at the target: not at all, by RCPT, or from a list."""

    NONE = "none"
    RCPT = "rcpt"
    LIST = "list"


class Watch(StrEnum):
    """Whether the session with a mailbox stays open between visits: not at all, so that the next visit need
    not log in, or so that the server tells when mail comes. `AUTO`: as much of it as the server can.
    """

    OFF = "off"
    KEEP = "keep"
    IDLE = "idle"
    AUTO = "auto"


FIRST_RETRY = 1.0
"""Seconds until a connection is first tried again: a server that restarts answers within a second or two."""
RETRY_SPREAD = 0.5
"""The part of a pause that chance may remove. A server that restarts drops all connections at once, and they
should not all come back at the same moment.
"""

KEEP = "keep"
REFUSE = "refuse"
PARK = "park"


@dataclass(frozen=True, slots=True)
class Login:
    """The credentials for a server.

    `auth` are the methods allowed, in the order in which they are tried. () stands for the methods that are
    on by default, most secure first; those that send the password itself are used only with TLS, unless the
    account switched TLS off. `token` or `token_file` (read for each login) replaces the password for methods
    that need a token; `oauth_app` names the app by which Mailferry gets it itself. `detect` are the ways in
    which the server is asked for its methods.
    """

    username: str
    password: SecretStr = field(repr=False)
    auth: tuple[str, ...] = ()
    token: SecretStr | None = field(default=None, repr=False)
    token_file: str | None = None
    detect: tuple[str, ...] = DETECTIONS
    oauth_app: str | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """The rules that decide on the recipients of an account's mail.

    - `recipient`: the recipient of a single-user mailbox.
    - `domains`: the accepted domains, as in `shared.model.domains`.
    - `aliases`: addresses (local part in lower case), each with the address it stands for.
    - `strip_tags`: remove `+tag` from local parts.
    - `recipient_headers`: header fields that are believed before anything else, wherever they stand; with
      `only_recipient_headers`, instead of anything else.
    - `recipient_prefixes`: prefixes (in lower case) that the provider puts before local parts.
    - `trusted_hosts`: the provider's hosts; () where its domain is enough.
    - `own_addresses`: addresses of the collecting mailbox, besides its login.
    - `unknown_recipients`: the postmaster's address; None where the target's refusal decides.
    - `existence`: how recipients are checked beforehand, with the absolute path of a `recipient_list`.
    - `park_unknown`: park the mail of recipients that do not exist, where there is no postmaster.
    - `surplus_copies`: give the postmaster a copy when more copies arrive than To and Cc name recipients.
    - `folder_recipients`: source folders (by `comparable_folder`), each with the address that all of its mail
      goes to.
    - `folder_header`: the field in which delivered mail names its source folder; None for no such field.
    """

    kind: MailboxKind
    recipient: Address | None = None
    domains: dict[str, str] = field(default_factory=dict)
    recipient_headers: tuple[RecipientField, ...] = ()
    only_recipient_headers: bool = False
    recipient_prefixes: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    own_addresses: tuple[Address, ...] = ()
    aliases: dict[Address, Address] = field(default_factory=dict)
    strip_tags: bool = False
    sender: SenderRule = SenderRule()
    unknown_recipients: Address | None = None
    dedup: Dedup = Dedup.CONTENT
    existence: ExistenceCheck = ExistenceCheck.NONE
    recipient_list: str | None = None
    park_unknown: bool = False
    surplus_copies: bool = True
    folder_recipients: dict[str, Address] = field(default_factory=dict)
    folder_header: str | None = None

    def folder_recipient(self, folder: str) -> Address | None:
        """Return the address that all mail of a source folder goes to; None where its header decides."""
        return self.folder_recipients.get(comparable_folder(folder)) if self.folder_recipients else None


class RetryTimes(Settings):
    """When the mailbox is visited, and how often a connection is tried."""

    poll: Annotated[PollInterval, PlainValidator(PollInterval.parse)] = setting(
        PollInterval.every(60.0),
        "Time between two visits of the mailbox. Of a range, the short time while mail comes; it grows up to "
        "the long one while none does. See `docs/visits.md`.",
        form="duration, or two with `..` between them",
        example="1m..15m",
    )
    timeout: Duration = duration(
        60.0, "Time without an octet received, after which the connection is given up.", gt=0
    )
    retries: int = setting(3, "Connection attempts in one visit.", ge=1)
    retry_delay: Duration = duration(10.0, "The longest pause between two connection attempts.")

    def retry_pause(self, tries: int, chance: float) -> float:
        """Return the seconds to the next attempt after so many retries; `chance` is from 0 to 1."""
        return Backoff(FIRST_RETRY, self.retry_delay, RETRY_SPREAD).pause(tries, chance)


@dataclass(frozen=True, slots=True)
class Account:
    """A configured account. `target` names the target of its mail, `provider` a known provider, if given.

    `shortest_interval`: seconds between two visits that the host asks for. No `poll` is below it.
    """

    tenant: str
    name: str
    protocol: str
    endpoint: Endpoint
    login: Login
    target: str
    routing: Routing
    begin: Begin = ALL
    retention: Retention = Retention(0)
    custody: CustodyMode = CustodyMode.SOURCE
    retry_times: RetryTimes = RetryTimes()
    shortest_interval: float = 0.0
    reading: Reading = Reading()
    folders: FolderSettings = FolderSettings()
    watch: Watch = Watch.OFF
    enabled: bool = True
    provider: str | None = None

    @property
    def id(self) -> str:
        """`tenant/name`, unique in a configuration."""
        return f"{self.tenant}/{self.name}"

    @property
    def grant(self) -> GrantRef | None:
        """The grant that it logs in by; None where it has a password or a token of its own."""
        app = self.login.oauth_app
        return (
            None if app is None else GrantRef(account_grant(self.id), app, self.login.username, self.protocol)
        )
