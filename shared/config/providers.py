"""Providers that are known by name: where their mailboxes are, and how their servers behave.

The data is in `providers.toml` beside this module.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from shared.config.urls import protocol_in
from shared.model.duration import seconds
from shared.model.errors import quoted


@dataclass(frozen=True, slots=True)
class Provider:
    """`pop3` and `imap` are URLs, or None if the provider has no such mailboxes.

    `auth`: the login methods that are worth a try. `interval`: seconds between two visits to one mailbox that
    it bears, 0 where that is not known; hosts are limited by it, so that it holds for both protocols.
    `domains` are those of its own addresses, and `mx` the hosts that take the mail of its customers' domains,
    each with the hosts below it. `local_part_login`: the user name is what stands before the @.
    `note` is what one has to know or do there, `notes` the same by protocol. `keys` are further keys of an
    account, by protocol.
    """

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    pop3: str | None = None
    imap: str | None = None
    auth: tuple[str, ...] = ()
    interval: float = 0.0
    local_part_login: bool = False
    note: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def urls(self) -> Mapping[str, str]:
        """Return its URLs by protocol. The first one is used where an account names no protocol."""
        known = {"pop3": self.pop3, "imap": self.imap}
        return {protocol: url for protocol, url in known.items() if url is not None}

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the names of its servers, POP3 first."""
        named = [urlsplit(url).hostname for url in self.urls.values()]
        return tuple(dict.fromkeys(host for host in named if host))

    def advice(self, protocol: str) -> str:
        """Return what one has to know or do there to use this protocol; "" if nothing is known."""
        return " ".join(filter(None, (self.note, self.notes.get(protocol))))

    def account_keys(self, known: Collection[str], source: object = None) -> dict[str, Any]:
        """Return the keys that an account of this provider has, as far as they are `known` in this version.

        `source`: what the account itself has, a URL or a protocol. Without, the protocol is POP3 where the
        provider has it: an account that changed it would read all mail that is there once more.
        """
        protocol = next(iter(self.urls)) if source is None else protocol_in(source)
        keys: dict[str, Any] = {"source": self.urls.get(protocol or "")}
        if self.auth:
            keys["auth"] = list(self.auth)
        keys.update(self.keys.get(protocol or "", {}))
        return {key: value for key, value in keys.items() if key in known and value is not None}


@cache
def providers() -> Mapping[str, Provider]:
    """Return all known providers by name."""
    text = files("shared.config").joinpath("providers.toml").read_text(encoding="utf-8")
    read = (_provider(table) for table in tomllib.loads(text)["providers"])
    return {provider.name: provider for provider in read}


def provider_of_host(host: str) -> Provider | None:
    """Return the first provider that has this server."""
    return _providers_by_host().get(host)


@cache
def _providers_by_host() -> Mapping[str, Provider]:
    """Return the first provider of each server: asked at the end of each visit."""
    return {host: each for each in reversed([*providers().values()]) for host in each.hosts}


def provider_of_url(url: str) -> tuple[Provider, str] | None:
    """Return the first provider that has this URL as its server, and the protocol."""
    return next(
        (
            (each, protocol)
            for each in providers().values()
            for protocol, known in each.urls.items()
            if known == url
        ),
        None,
    )


def provider_of_domain(domain: str) -> Provider | None:
    """Return the provider whose own addresses are at this domain."""
    return next((each for each in providers().values() if domain in each.domains), None)


def provider_of_exchanger(host: str) -> Provider | None:
    """Return the provider that takes mail at this host: the one that names it, or the nearest host above."""
    labels = host.lower().rstrip(".").split(".")
    for start in range(len(labels)):
        name = ".".join(labels[start:])
        for each in providers().values():
            if name in each.mx:
                return each
    return None


def find_provider(name: str) -> Provider | None:
    """Return the provider of this name or alias, in any case."""
    wanted = name.lower()
    return next((each for each in providers().values() if wanted in {each.name, *each.aliases}), None)


def provider_name(value: object) -> str:
    """Return the name of a known provider. Raises ValueError that names the nearest ones."""
    written = value if isinstance(value, str) else ""
    provider = find_provider(written)
    if provider is not None:
        return provider.name
    known = [name for each in providers().values() for name in (each.name, *each.aliases)]
    close = difflib.get_close_matches(written.lower(), known, n=3)
    nearest = " or ".join(f'"{name}"' for name in close)
    hint = f"; did you mean {nearest}?" if close else ""
    raise ValueError(f'there is no provider "{quoted(written)}"{hint} `mailferry providers` lists all')


def _provider(table: Mapping[str, Any]) -> Provider:
    lists = {key: tuple(table[key]) for key in ("aliases", "auth", "domains", "mx") if key in table}
    interval = seconds(table["interval"]) if "interval" in table else 0.0
    return Provider(**{**table, **lists, "interval": interval})
