"""The providers that are known by name, as data, and what a discovery document says of others.

Endpoints and scopes are those that the providers document; docs/oauth.md names the pages. `{directory}` in a
URL is where the users are: Microsoft's name for a customer's tenant, or the server of one of Zoho's data
centres.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from shared.model.errors import quoted

DAY = 86400.0
GENERIC = "generic"
_DIRECTORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider's authorization server is, and what it expects.

    - `scopes`: what is asked for when an owner signs in, with those of the protocol in `protocol_scopes`;
      `app_scopes`: when the app signs in as itself.
    - `revocation`, `device`: None where the provider has none, or not for mail.
    - `parameters`: what the authorization URL has beside those of RFC 6749.
    - `idle_after`: seconds after which an unused refresh token dies; None where it does not.
    - `directory`: where the users are if the app does not say so; "" where there is one place for all.
      `directories`: the places that there are; () for any name.
    """

    name: str
    title: str
    authorization: str
    token: str
    scopes: tuple[str, ...] = ()
    protocol_scopes: Mapping[str, str] = field(default_factory=dict)
    app_scopes: tuple[str, ...] = ()
    device: str | None = None
    revocation: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    idle_after: float | None = None
    directory: str = ""
    directories: tuple[str, ...] = ()

    def in_directory(self, directory: str | None) -> Provider:
        """Return the provider with the endpoints of a directory; None: the usual one. Raises ValueError."""
        if not self.directory:
            return self
        chosen = self.directory if directory is None else directory
        if self.directories and chosen not in self.directories:
            raise ValueError(f"expected one of {', '.join(self.directories)}")
        if not _DIRECTORY.fullmatch(chosen):
            raise ValueError("expected a domain, an id, or one of common, organizations, consumers")
        urls = {
            name: url.replace("{directory}", chosen)
            for name in ("authorization", "token", "device", "revocation")
            if (url := getattr(self, name)) is not None
        }
        return replace(self, **urls)


GOOGLE = Provider(
    "google",
    "Google",
    authorization="https://accounts.google.com/o/oauth2/v2/auth",
    token="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
    scopes=("https://mail.google.com/", "openid", "email"),
    app_scopes=("https://mail.google.com/",),
    revocation="https://oauth2.googleapis.com/revoke",
    parameters=MappingProxyType({"access_type": "offline", "prompt": "consent"}),
    idle_after=182 * DAY,
)
_MICROSOFT = "https://login.microsoftonline.com/{directory}/oauth2/v2.0"
MICROSOFT = Provider(
    "microsoft",
    "Microsoft",
    authorization=f"{_MICROSOFT}/authorize",
    token=f"{_MICROSOFT}/token",
    scopes=("offline_access", "openid", "email"),
    protocol_scopes=MappingProxyType(
        {
            "imap": "https://outlook.office.com/IMAP.AccessAsUser.All",
            "pop3": "https://outlook.office.com/POP.AccessAsUser.All",
            "smtp": "https://outlook.office.com/SMTP.Send",
        }
    ),
    app_scopes=("https://outlook.office365.com/.default",),
    device=f"{_MICROSOFT}/devicecode",
    idle_after=90 * DAY,
    directory="common",
)
"""Microsoft has no endpoint at which a grant is revoked."""
YAHOO = Provider(
    "yahoo",
    "Yahoo",
    authorization="https://api.login.yahoo.com/oauth2/request_auth",
    token="https://api.login.yahoo.com/oauth2/get_token",  # noqa: S106 - an address
    scopes=("mail-w",),
    revocation="https://api.login.yahoo.com/oauth2/revoke",
)
AOL = replace(
    YAHOO,
    name="aol",
    title="AOL",
    authorization="https://api.login.aol.com/oauth2/request_auth",
    token="https://api.login.aol.com/oauth2/get_token",  # noqa: S106 - an address
    revocation=None,
)
_ZOHO = "https://{directory}/oauth/v2"
ZOHO = Provider(
    "zoho",
    "Zoho",
    authorization=f"{_ZOHO}/auth",
    token=f"{_ZOHO}/token",
    revocation=f"{_ZOHO}/token/revoke",
    parameters=MappingProxyType({"access_type": "offline", "prompt": "consent"}),
    directory="accounts.zoho.com",
    directories=(
        "accounts.zoho.com",
        "accounts.zoho.eu",
        "accounts.zoho.in",
        "accounts.zoho.com.au",
        "accounts.zoho.jp",
        "accounts.zohocloud.ca",
        "accounts.zoho.sa",
        "accounts.zoho.uk",
        "accounts.zoho.com.cn",
    ),
)
"""Zoho documents no scope for IMAP and POP3, so its apps name their own. Secrets go to its servers alone."""

PRESETS: Mapping[str, Provider] = MappingProxyType(
    {each.name: each for each in (GOOGLE, MICROSOFT, YAHOO, AOL, ZOHO)}
)


class UnfitDiscovery(ValueError):
    """A discovery document without what is needed. The text is a sentence."""


def discovered(document: Any, url: str) -> Provider:
    """Return the provider that a discovery document describes (RFC 8414, OpenID Connect Discovery).

    `url` is where the document was read. Raises `UnfitDiscovery`.
    """
    if not isinstance(document, dict):
        raise UnfitDiscovery(f"What {url} says is no discovery document.")
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not _is_below(url, issuer):
        raise UnfitDiscovery(
            f"{url} speaks for the issuer {quoted(str(issuer))}, which is another one: check the address."
        )
    return Provider(
        GENERIC,
        urlsplit(issuer).hostname or issuer,
        authorization=_endpoint(document, "authorization_endpoint", url),
        token=_endpoint(document, "token_endpoint", url),
        device=_optional(document, "device_authorization_endpoint", url),
        revocation=_optional(document, "revocation_endpoint", url),
    )


def is_safe_url(url: str) -> bool:
    """Return whether secrets may be sent there: by https, or by http to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and is_loopback(host)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_below(url: str, issuer: str) -> bool:
    """Whether the document's address is on the host of its issuer, as both RFCs want."""
    there, here = urlsplit(issuer), urlsplit(url)
    return (there.scheme, there.netloc) == (here.scheme, here.netloc)


def _endpoint(document: Mapping[str, Any], key: str, url: str) -> str:
    found = _optional(document, key, url)
    if found is None:
        raise UnfitDiscovery(f'The discovery document at {url} has no "{key}".')
    return found


def _optional(document: Mapping[str, Any], key: str, url: str) -> str | None:
    found = document.get(key)
    if found is None:
        return None
    if not isinstance(found, str) or not is_safe_url(found):
        raise UnfitDiscovery(f'"{key}" in the discovery document at {url} is no https address.')
    return found
