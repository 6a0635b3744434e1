"""An account: one mailbox at somebody else's server, and what is to become of the mail in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from shared.model.address import Address
from shared.model.authentication import DETECTIONS
from shared.model.backoff import Backoff
from shared.model.duration import Duration
from shared.model.endpoint import Endpoint
from shared.model.reading import Reading
from shared.model.recipient_field import RecipientField
from shared.model.retention import Retention
from shared.model.sender import SenderRule
from shared.model.setting import Settings, duration, setting


class MailboxKind(StrEnum):
    """Whether a mailbox holds the mail of one person, or of all addresses of some domains."""

    SINGLE = "single"
    CATCH_ALL = "catch-all"


class Custody(StrEnum):
    """Where a mail is safe until its recipients are served: at its source, or, as that hides or deletes
    what was read, in a blob of ours (rule 6 of the protocol of custody).
    """

    SOURCE = "source"
    SPOOL = "spool"


class Dedup(StrEnum):
    """What makes two mails the same: content, the Message-ID alone, or nothing."""

    CONTENT = "content"
    MESSAGE_ID = "message-id"
    OFF = "off"


class ExistenceCheck(StrEnum):
    """How it is found out whether a recipient exists at the target: not at all, by asking it, from a list."""

    NONE = "none"
    RCPT = "rcpt"
    LIST = "list"


FIRST_RETRY = 1.0
"""Seconds until a connection is tried again for the first time: a server that restarts answers within a
second or two."""
RETRY_SPREAD = 0.5
"""The part of a pause that chance may take off: a server that restarts drops all its connections at once, and
they must not all come back in the same moment."""

KEEP = "keep"
REFUSE = "refuse"
PARK = "park"


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at a server.

    `auth` are the methods allowed, in the order in which they are tried. () stands for those that are on by
    default, from most to least secure; of them, those that show more than a proof are used only with TLS,
    unless the account switched TLS off.
    `token` or `token_file` (read anew for each login) take the place of the password for methods that need a
    token. `detect` are the ways in which the server is asked what it offers.
    """

    username: str
    password: SecretStr = field(repr=False)
    auth: tuple[str, ...] = ()
    token: SecretStr | None = field(default=None, repr=False)
    token_file: str | None = None
    detect: tuple[str, ...] = DETECTIONS


@dataclass(frozen=True, slots=True)
class Routing:
    """Who gets the mail of an account.

    `recipient` is set for a single-user mailbox. `domains` has the rules of `shared.model.domains`; `aliases`
    are addresses (local part in lower case) and those they stand for; `strip_tags` takes `+tag` off local
    parts. `recipient_headers` are believed wherever they stand, and before anything else, or, with
    `only_recipient_headers`, instead of anything else. `recipient_prefixes` (in lower case) are what the
    provider put before local parts. `trusted_hosts` are the provider's, () where his domain tells them.
    `own_addresses` are the collecting mailbox's, besides its login. `unknown_recipients` is the postmaster's
    address, or None where the target's refusal decides. `existence` tells how one who does not exist at the
    target is recognised beforehand, with the absolute path of a `recipient_list`; where there is no
    postmaster, `park_unknown` has his mail parked without an attempt. With `surplus_copies`, the postmaster
    gets a copy of a mail of which more copies came than To and Cc name recipients.
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


class RetryTimes(Settings):
    """When the mailbox is visited, and how often a connection is tried."""

    poll: Duration = duration(60.0, "Time between two visits of the mailbox.", example="5m", gt=0)
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
    """A configured account; `target` is the name of the target that its mail goes to, `provider` that of a
    known provider, where one was named.

    `shortest_interval`: seconds between two visits that the host asks for; `poll` is not below it.
    """

    tenant: str
    name: str
    protocol: str
    endpoint: Endpoint
    login: Login
    target: str
    routing: Routing
    retention: Retention = Retention(0)
    custody: Custody = Custody.SOURCE
    retry_times: RetryTimes = RetryTimes()
    shortest_interval: float = 0.0
    reading: Reading = Reading()
    enabled: bool = True
    provider: str | None = None

    @property
    def id(self) -> str:
        """`tenant/name`, unique in a configuration."""
        return f"{self.tenant}/{self.name}"
