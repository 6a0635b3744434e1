"""The configuration as the services use it: valid, complete, with absolute paths and all secrets read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from shared.config.document import Document
from shared.config.settings import (
    BrokerSettings,
    ControlSettings,
    FetcherSettings,
    LeasesSettings,
    LogSettings,
    MetricsSettings,
    NoticesSettings,
    OidcSettings,
    RelaySettings,
    StoreSettings,
    TracingSettings,
)
from shared.model.account import Account
from shared.model.errors import ConfigurationError
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.oauth import GrantRef
from shared.model.s3_location import S3Location
from shared.model.target import Target
from shared.model.tenant import TenantLimits
from shared.oauth.app import OAuthApp


@dataclass(frozen=True, slots=True)
class BlobsLocation:
    """Where blobs are kept: in a directory or in a bucket."""

    directory: Path | None
    bucket: S3Location | None = None

    @property
    def url(self) -> str:
        """Return the URL of the location."""
        return str(self.bucket) if self.directory is None else self.directory.as_uri()


@dataclass(frozen=True, slots=True)
class KeyLocation:
    """Where the keys of sealed secrets are: in `file`, or `given` by the environment `variable`.

    Without both, on SQLite, they are in `beside`. `old_files` hold keys that only open.
    """

    file: Path | None = None
    variable: str | None = None
    given: SecretStr | None = None
    old_files: tuple[Path, ...] = ()
    beside: Path | None = None

    @property
    def key_file(self) -> Path | None:
        """The file that holds the current key; None where a variable does, or nothing says where it is."""
        if self.variable is not None:
            return None
        return self.file or self.beside


RELOADABLE = ("concurrency", "host_connections")
"""Keys of [fetcher] that a reload changes."""
FIXED_AT_START = (
    "broker",
    "store",
    "blobs",
    "secrets",
    "metrics",
    "control",
    "oidc",
    "fetcher",
    "relay",
    "notices",
    "leases",
    "log",
    "tracing",
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that is configured. `accounts` and `targets` are by id and `tenants` by name, in the file's
    order. `hosts` are the limits of the hosts of sources, and `oauth_apps` the apps by name.
    """

    accounts: dict[str, Account]
    targets: dict[str, Target]
    tenants: dict[str, TenantLimits]
    broker: BrokerSettings
    store: StoreSettings
    blobs: BlobsLocation
    secrets: KeyLocation
    metrics: MetricsSettings
    control: ControlSettings
    oidc: OidcSettings
    fetcher: FetcherSettings
    relay: RelaySettings
    notices: NoticesSettings
    leases: LeasesSettings
    log: LogSettings
    tracing: TracingSettings
    document: Document = field(repr=False, compare=False)
    hosts: HostLimits = NO_LIMITS
    oauth_apps: dict[str, OAuthApp] = field(default_factory=dict)
    find_warnings: Callable[[], Sequence[str]] = field(default=tuple, repr=False, compare=False)

    @property
    def warnings(self) -> Sequence[str]:
        """Return a sentence for each thing that an operator may not have meant. Computed at each call."""
        return self.find_warnings()

    @property
    def grants(self) -> list[GrantRef]:
        """Return the grants by which accounts and targets log in. Computed at each call."""
        users: list[Account | Target] = [*self.accounts.values(), *self.targets.values()]
        return [each.grant for each in users if each.grant is not None]

    def needs_restart(self, other: Configuration) -> list[str]:
        """Return the sections in which `other` differs and which a reload does not change."""
        reloadable = {key: getattr(self.fetcher, key) for key in RELOADABLE}
        fetcher = other.fetcher.model_copy(update=reloadable)
        comparable = replace(other, fetcher=fetcher)
        return [name for name in FIXED_AT_START if getattr(self, name) != getattr(comparable, name)]

    def require_shared(self, service: str) -> None:
        """Raise `ConfigurationError` unless `service` can run as a process of its own.

        One process works with every combination of broker and store. Several processes need a broker outside
        them, and a database that other machines reach.
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
