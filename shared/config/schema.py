"""The configuration file's form: its sections and keys, the type of each value, and the defaults.

Only keys that have an effect in this version are known. What needs more than one value to be judged (a
target that must exist, a catch-all mailbox that needs domains) is judged where runtime values are built.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, SecretStr

from shared.config import helo, providers, routing_values, urls, values
from shared.config.rules import refusal_rules
from shared.model.account import REFUSE, Custody, Dedup, ExistenceCheck
from shared.model.address import Address
from shared.model.address_policy import IpNetwork
from shared.model.authentication import DETECTIONS
from shared.model.duration import Duration
from shared.model.reading import Reading
from shared.model.recipient_field import RecipientField
from shared.model.refusal import RefusalRule
from shared.model.retention import Retention
from shared.model.sender import SenderKind
from shared.model.target import DeliveryOptions

SHORTEST_LINE_LIMIT = 512  # RFC 2449, section 4: what any client must be ready for
READING = Reading()
MANNERS = DeliveryOptions()
LARGEST_INLINE = 8 * 1024**2  # RabbitMQ 4 refuses messages above 16 MiB

Text = Annotated[str, PlainValidator(values.text)]
Name = Annotated[str, PlainValidator(values.name)]
Positive = Annotated[Duration, Field(gt=0)]
Size = Annotated[int, BeforeValidator(values.size)]
TlsMode = Literal["off", "wanted", "required"]
Secret = Annotated[
    SecretStr, AfterValidator(lambda secret: SecretStr(values.text(secret.get_secret_value())))
]


class Entry(BaseModel):
    """A table of the file: no unknown keys, no silent conversions."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, defer_build=True
    )


class BrokerEntry(Entry):
    """[broker]; the URL may contain a password and so may come from a file or a variable."""

    url: Secret | None = None
    url_file: Text | None = None
    url_env: Text | None = None


class StoreEntry(BrokerEntry):
    """[store]; the URL may contain a password, too. What left its source is remembered for `keep_history`.

    A database that does not answer within `deadline` is out of service. A transaction takes milliseconds; 30
    seconds are three times what SQLite waits for a lock, and what a failover of PostgreSQL commonly takes.
    """

    keep_history: Annotated[Duration, Field(ge=86400)] = 90 * 86400.0
    deadline: Annotated[Duration, Field(ge=1, le=600)] = 30.0


class BlobsEntry(Entry):
    """[blobs]; the other keys are for s3:// and come from the environment (AWS_*) where they are missing."""

    url: Text = "file:///var/lib/mailferry/blobs"
    endpoint: Text | None = None
    region: Text | None = None
    access_key: Text | None = None
    secret_key: Secret | None = None
    secret_key_file: Text | None = None
    secret_key_env: Text | None = None


class MetricsEntry(Entry):
    """[metrics]; an empty `listen` switches the port off."""

    listen: Annotated[values.Listen | None, PlainValidator(values.listen)] = values.Listen("127.0.0.1", 9464)


class FetcherEntry(Entry):
    """[fetcher]; the windows limit what is in flight per account and per tenant."""

    concurrency: Annotated[int, Field(ge=0)] = 0
    host_connections: Annotated[int, Field(ge=0)] = 20
    window_messages: Annotated[int, Field(ge=1)] = 500
    window_bytes: Annotated[Size, Field(ge=1)] = 32 * 1024**2
    tenant_window_messages: Annotated[int, Field(ge=0)] = 3000
    tenant_window_bytes: Annotated[Size, Field(ge=0)] = 64 * 1024**2
    settle_wait: Duration = 10.0
    inline_limit: Annotated[Size, Field(ge=0, le=LARGEST_INLINE)] = 256 * 1024
    process_bytes: Annotated[Size, Field(ge=0)] = 256 * 1024**2


class RelayEntry(Entry):
    """[relay]; the last of `retry_delays` repeats until `give_up` has passed.

    `probe_delays` lie between the probes of a target that is out of reach; the last one repeats.
    """

    retry_delays: Annotated[list[Annotated[Duration, Field(ge=1)]], Field(min_length=1)] = [
        60.0,
        300.0,
        900.0,
        3600.0,
        14400.0,
    ]
    give_up: Positive = 5 * 86400.0
    probe_delays: Annotated[list[Positive], Field(min_length=1)] = [5.0, 15.0, 60.0, 300.0]
    helo_name: Annotated[str, PlainValidator(helo.checked)] | None = None


class HostEntry(Entry):
    """[[hosts]]: what a host, or all hosts of a known provider, bear."""

    name: Annotated[str, PlainValidator(urls.host_name)]
    connections: Annotated[int, Field(ge=0)] | None = None
    interval: Duration | None = None
    spacing: Duration | None = None


class NoticesEntry(Entry):
    """[notices]; nothing is sent unless `digest` (how often at most) or `bounces` asks for it."""

    digest: Positive | None = None
    bounces: bool = False
    postmasters: Annotated[dict[str, Address], PlainValidator(values.postmasters)] = {}


class LeasesEntry(Entry):
    """[leases]; after these times without a sign of life an account, or a mail in flight, is taken over."""

    account: Annotated[Duration, Field(ge=1)] = 60.0
    message: Annotated[Duration, Field(ge=1)] = 900.0


class LogEntry(Entry):
    """[log]; `auto` is text on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class LoginKeys(Entry):
    """Who we are at a server, and how the connection to it is protected."""

    username: Text | None = None
    password: Secret | None = None
    password_file: Text | None = None
    password_env: Text | None = None
    tls: TlsMode | None = None
    tls_verify: bool = True
    tls_pin: Annotated[str, PlainValidator(values.pin)] | None = None
    ca_file: Text | None = None
    addresses: Literal["any", "public"] = "any"
    deny_addresses: Annotated[tuple[IpNetwork, ...], PlainValidator(values.networks)] = ()


class TargetEntry(LoginKeys):
    """[[targets]]."""

    name: Name
    url: Annotated[urls.ServerUrl, PlainValidator(urls.target_url)]
    auth: Annotated[tuple[str, ...], PlainValidator(values.sasl_methods)] = ()
    token: Secret | None = None
    token_file: Text | None = None
    token_env: Text | None = None
    connections: Annotated[int, Field(ge=1, le=1000)] = 4
    host_connections: Annotated[int, Field(ge=0, le=1000)] = MANNERS.host_connections
    connection_mails: Annotated[int, Field(ge=1)] = MANNERS.mails
    connection_age: Positive = MANNERS.age
    max_recipients: Annotated[int, Field(ge=1)] = MANNERS.recipients
    dsn: Annotated[tuple[str, ...], PlainValidator(values.dsn)] = MANNERS.dsn
    client: Literal["none", "xclient", "xforward"] = MANNERS.client.value
    rules: Annotated[tuple[RefusalRule, ...], PlainValidator(refusal_rules)] = ()


class ReadingKeys(Entry):
    """How mail is read at its source, and how much of it; of the numbers and sizes, 0 stands for no limit."""

    max_messages: Annotated[int, Field(ge=0)] = READING.max_messages
    max_bytes: Size = READING.max_bytes
    max_size: Size = READING.max_size
    oversize: Literal["leave", "park"] = READING.oversize.value
    session_deadline: Annotated[Duration, Field(ge=1)] = READING.session_deadline
    use_top: bool = READING.use_top
    pipelining: Literal["announced", "always", "never"] = READING.pipelining.value
    line_limit: Annotated[Size, Field(ge=SHORTEST_LINE_LIMIT)] = READING.caps.line
    listing_limit: Annotated[Size, Field(ge=1)] = READING.caps.listing
    mail_limit: Annotated[Size, Field(ge=1)] = READING.caps.mail
    session_limit: Annotated[Size, Field(ge=1)] = READING.caps.session


class RoutingKeys(Entry):
    """Who gets the mail, and which sender it has then."""

    domains: Annotated[dict[str, str], PlainValidator(routing_values.domains)] = {}
    aliases: Annotated[dict[Address, Address], PlainValidator(routing_values.aliases)] = {}
    subaddresses: Literal["keep", "strip"] = "keep"
    recipient_headers: Annotated[
        tuple[RecipientField, ...], PlainValidator(routing_values.recipient_fields)
    ] = ()
    only_recipient_headers: bool = False
    recipient_prefix: Annotated[tuple[str, ...], PlainValidator(routing_values.prefixes)] = ()
    own_addresses: Annotated[tuple[Address, ...], PlainValidator(routing_values.addresses)] = ()
    surplus_copies: Literal["postmaster", "suppress"] = "postmaster"
    trusted_hosts: Annotated[tuple[str, ...], PlainValidator(routing_values.trusted_hosts)] = ()
    sender: Annotated[SenderKind | Address, PlainValidator(routing_values.sender)] = SenderKind.PRESERVE
    srs_domain: Annotated[str, PlainValidator(values.domain)] | None = None
    srs_key: Secret | None = None
    srs_key_file: Text | None = None
    srs_key_env: Text | None = None


class AccountEntry(LoginKeys, ReadingKeys, RoutingKeys):
    """[[accounts]]; [defaults] has the same keys but `name`.

    `source`, `target` and `mailbox` are needed; that they are there is checked together with everything
    else, so that one missing key does not hide other problems.
    """

    tenant: Name = "default"
    name: Name
    provider: Annotated[str, PlainValidator(providers.provider_name)] | None = None
    source: Annotated[urls.ServerUrl, PlainValidator(urls.source_url)] | None = None
    auth: Annotated[tuple[str, ...], PlainValidator(values.auth_methods)] = ()
    detect: Annotated[tuple[str, ...], PlainValidator(values.detections)] = DETECTIONS
    token: Secret | None = None
    token_file: Text | None = None
    token_env: Text | None = None
    target: Name | None = None
    mailbox: Literal["single", "catch-all"] | None = None
    recipient: Annotated[Address, PlainValidator(values.address)] | None = None
    recipients: Annotated[str, PlainValidator(values.existence)] = ExistenceCheck.NONE.value
    unknown_recipients: Annotated[Address | str, PlainValidator(values.unknown_recipients)] = REFUSE
    dedup: Literal["content", "message-id", "off"] = Dedup.CONTENT.value
    retention: Annotated[Retention, PlainValidator(values.retention)] = Retention(0)
    custody: Literal["source", "spool"] = Custody.SOURCE.value
    poll: Positive = 60.0
    timeout: Positive = 60.0
    retries: Annotated[int, Field(ge=1)] = 3
    retry_delay: Duration = 10.0
    enabled: bool = True


SECTIONS: dict[str, type[Entry]] = {
    "broker": BrokerEntry,
    "store": StoreEntry,
    "blobs": BlobsEntry,
    "metrics": MetricsEntry,
    "fetcher": FetcherEntry,
    "relay": RelayEntry,
    "notices": NoticesEntry,
    "leases": LeasesEntry,
    "log": LogEntry,
}
ARRAYS: dict[str, type[Entry]] = {"targets": TargetEntry, "accounts": AccountEntry, "hosts": HostEntry}
DEFAULTS = "defaults"
DEFAULT_KEYS = frozenset(AccountEntry.model_fields) - {"name"}
SECRETS = ("password", "token", "srs_key", "url", "secret_key")
