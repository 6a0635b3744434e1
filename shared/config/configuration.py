"""The configuration as the services use it: checked, complete, with every path absolute and every secret at
hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shared.config.document import Document
from shared.config.settings import (
    BrokerSettings,
    FetcherSettings,
    LeasesSettings,
    LogSettings,
    MetricsSettings,
    NoticesSettings,
    RelaySettings,
    StoreSettings,
)
from shared.model.account import Account
from shared.model.errors import ConfigurationError
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.s3_location import S3Location
from shared.model.target import Target


@dataclass(frozen=True, slots=True)
class BlobsLocation:
    """Where blobs are kept: in a directory or in a bucket."""

    directory: Path | None
    bucket: S3Location | None = None

    @property
    def url(self) -> str:
        """As it is configured."""
        return str(self.bucket) if self.directory is None else self.directory.as_uri()


TAKEN_OVER = ("concurrency", "host_connections")
"""Keys of [fetcher] that a reload takes over."""
SETTLED_AT_START = ("broker", "store", "blobs", "metrics", "fetcher", "relay", "notices", "leases", "log")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was configured; `accounts` by their id and `targets` by their name, both in the
    file's order; `hosts` is what the hosts of sources bear.
    """

    accounts: dict[str, Account]
    targets: dict[str, Target]
    broker: BrokerSettings
    store: StoreSettings
    blobs: BlobsLocation
    metrics: MetricsSettings
    fetcher: FetcherSettings
    relay: RelaySettings
    notices: NoticesSettings
    leases: LeasesSettings
    log: LogSettings
    document: Document = field(repr=False, compare=False)
    hosts: HostLimits = NO_LIMITS
    find_oddities: Callable[[], Sequence[str]] = field(default=tuple, repr=False, compare=False)

    @property
    def oddities(self) -> Sequence[str]:
        """What an operator may not have meant, a sentence each; looked for whenever somebody asks."""
        return self.find_oddities()

    def needs_restart(self, other: Configuration) -> list[str]:
        """The sections in which `other` differs and which a running process does not take over."""
        taken_over = {key: getattr(self.fetcher, key) for key in TAKEN_OVER}
        fetcher = other.fetcher.model_copy(update=taken_over)
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
