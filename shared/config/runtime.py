"""The configuration as the services use it: checked, complete, with every path absolute and every secret at
hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from shared.config.document import Document
from shared.config.values import Listen
from shared.model.account import Account
from shared.model.address import Address
from shared.model.errors import ConfigurationError
from shared.model.file_url import path_in_url
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.s3_location import S3Location
from shared.model.target import Target

IN_PROCESS = "memory:"
SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class BrokerSection:
    """Where events travel: `memory:` within the process, or an AMQP URL."""

    url: SecretStr

    @property
    def in_process(self) -> bool:
        """Whether events stay within this process."""
        return self.url.get_secret_value() == IN_PROCESS


@dataclass(frozen=True, slots=True)
class StoreSection:
    """The database: `sqlite:///` and an absolute path, so four slashes in all, or a PostgreSQL URL.

    What left its source is remembered for `keep_history` seconds. A call that the database has not answered
    after `deadline` seconds counts as an outage.
    """

    url: SecretStr
    keep_history: float = 90 * 86400.0
    deadline: float = 30.0

    @property
    def sqlite_path(self) -> Path | None:
        """The database's file, where it is SQLite."""
        url = self.url.get_secret_value()
        return Path(path_in_url(url, "sqlite:", SQLITE)) if url.startswith(SQLITE) else None


@dataclass(frozen=True, slots=True)
class BlobsSection:
    """Where mails too large for an event, spooled and parked mail are kept: in a directory or in a bucket."""

    directory: Path | None
    bucket: S3Location | None = None

    @property
    def url(self) -> str:
        """As it is configured."""
        return str(self.bucket) if self.directory is None else self.directory.as_uri()


@dataclass(frozen=True, slots=True)
class MetricsSection:
    """Where metrics and health are served; None for nowhere."""

    listen: Listen | None


@dataclass(frozen=True, slots=True)
class FetcherSection:
    """How much is fetched at a time: sessions (0 is automatic), and messages and bytes in flight per
    account, and per tenant in all its accounts; 0 is no bound for a tenant.

    `settle_wait` (seconds) is how long a session waits for its mails to settle. Mails above `inline_limit`
    (bytes) do not ride in events. `host_connections` bounds the sessions at one host, of all processes
    together; 0 is no bound. `process_bytes` is what a process may hold of listings and, with its broker
    inside, of mails; 0 is no bound.
    """

    concurrency: int
    window_messages: int
    window_bytes: int
    settle_wait: float
    inline_limit: int
    host_connections: int
    process_bytes: int
    tenant_window_messages: int
    tenant_window_bytes: int


@dataclass(frozen=True, slots=True)
class RelaySection:
    """When delivery is tried again, in seconds: the delays in their order, the last one until `give_up` has
    passed. `probe_delays` lie between probes of a target that is out of reach.
    """

    retry_delays: tuple[float, ...]
    give_up: float
    helo_name: str
    probe_delays: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NoticesSection:
    """Who is told of parked mail: tenants' postmasters, at most every `digest` seconds (None: never), and
    with `bounces` the senders. A tenant without one in `postmasters` is told at its accounts' one.
    """

    digest: float | None = None
    bounces: bool = False
    postmasters: dict[str, Address] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeasesSection:
    """Seconds without a sign of life after which an account, or a mail in flight, is taken over."""

    account: float
    message: float


@dataclass(frozen=True, slots=True)
class LogSection:
    """What is logged and how."""

    level: str
    format: str


SETTLED_AT_START = ("broker", "store", "blobs", "metrics", "fetcher", "relay", "notices", "leases", "log")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was configured; `accounts` by their id and `targets` by their name, both in the
    file's order; `hosts` is what the hosts of sources bear.
    """

    accounts: dict[str, Account]
    targets: dict[str, Target]
    broker: BrokerSection
    store: StoreSection
    blobs: BlobsSection
    metrics: MetricsSection
    fetcher: FetcherSection
    relay: RelaySection
    notices: NoticesSection
    leases: LeasesSection
    log: LogSection
    document: Document = field(repr=False, compare=False)
    hosts: HostLimits = NO_LIMITS
    find_oddities: Callable[[], Sequence[str]] = field(default=tuple, repr=False, compare=False)

    @property
    def oddities(self) -> Sequence[str]:
        """What an operator may not have meant, a sentence each; looked for whenever somebody asks."""
        return self.find_oddities()

    def needs_restart(self, other: Configuration) -> list[str]:
        """The sections in which `other` differs and which a running process does not take over."""
        fetcher = replace(
            other.fetcher,
            concurrency=self.fetcher.concurrency,
            host_connections=self.fetcher.host_connections,
        )
        comparable = replace(other, fetcher=fetcher)
        return [name for name in SETTLED_AT_START if getattr(self, name) != getattr(comparable, name)]

    def require_shared(self, service: str) -> None:
        """Raise `ConfigurationError` unless `service` can run as a process of its own.

        One process alone goes with every combination of broker and store. Several only meet at a broker
        outside of them, and they may be on several machines, each of which would have an SQLite file of its
        own.
        """
        problems = []
        if self.broker.in_process:
            problems.append(
                f'[broker] "url": {service} as a process of its own needs amqp:// or amqps://, not memory:'
            )
        if self.store.sqlite_path is not None:
            problems.append(
                f'[store] "url": {service} as a process of its own needs postgresql://, not sqlite:'
            )
        if problems:
            raise ConfigurationError([f"{self.document.origin}: {problem}" for problem in problems])
