"""Every setting, defined once: the models that validate the configuration file.

Only keys that have an effect in this version are known. Rules that concern several values (a target that must
exist, a catch-all mailbox that needs domains) are checked where the configuration is built from the models.
"""

from shared.config.settings.accounts import AccountSettings
from shared.config.settings.control import ControlSettings
from shared.config.settings.infrastructure import (
    IN_PROCESS,
    SQLITE,
    BlobsSettings,
    BrokerSettings,
    LeasesSettings,
    LogSettings,
    MetricsSettings,
    SecretsSettings,
    StoreSettings,
    TracingSettings,
    UrlSettings,
)
from shared.config.settings.oauth import OAuthAppSettings
from shared.config.settings.oidc import OidcSettings
from shared.config.settings.servers import ServerSettings
from shared.config.settings.services import FetcherSettings, HostSettings, NoticesSettings, RelaySettings
from shared.config.settings.targets import TargetSettings
from shared.config.settings.tenants import TenantSettings
from shared.model.setting import Settings

SECTIONS: dict[str, type[Settings]] = {
    "broker": BrokerSettings,
    "store": StoreSettings,
    "blobs": BlobsSettings,
    "secrets": SecretsSettings,
    "metrics": MetricsSettings,
    "control": ControlSettings,
    "oidc": OidcSettings,
    "fetcher": FetcherSettings,
    "relay": RelaySettings,
    "notices": NoticesSettings,
    "leases": LeasesSettings,
    "log": LogSettings,
    "tracing": TracingSettings,
}
ARRAYS: dict[str, type[Settings]] = {
    "tenants": TenantSettings,
    "targets": TargetSettings,
    "accounts": AccountSettings,
    "hosts": HostSettings,
    "oauth_apps": OAuthAppSettings,
}
DEFAULTS = "defaults"
DEFAULT_KEYS = frozenset(AccountSettings.model_fields) - {"name"}
SECRETS = ("password", "token", "srs_key", "url", "secret_key", "client_secret", "service_account")
"""Keys that may also be given as `KEY_file` or `KEY_env`."""

__all__ = [
    "ARRAYS",
    "DEFAULTS",
    "DEFAULT_KEYS",
    "IN_PROCESS",
    "SECRETS",
    "SECTIONS",
    "SQLITE",
    "AccountSettings",
    "BlobsSettings",
    "BrokerSettings",
    "ControlSettings",
    "FetcherSettings",
    "HostSettings",
    "LeasesSettings",
    "LogSettings",
    "MetricsSettings",
    "NoticesSettings",
    "OAuthAppSettings",
    "OidcSettings",
    "RelaySettings",
    "SecretsSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "TargetSettings",
    "TenantSettings",
    "TracingSettings",
    "UrlSettings",
]
