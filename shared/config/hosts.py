"""[[hosts]] and what is known of providers to the limits of hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.config.context import Context
from shared.config.locate import Path
from shared.config.providers import find_provider, providers
from shared.config.settings import HostSettings
from shared.model.hosts import HostLimit, HostLimits


def build_hosts(context: Context, tables: list[dict[str, Any]], connections: int) -> HostLimits:
    """The limits of all hosts; each bears `connections` where nothing else is said, 0 for any number."""
    default = HostLimit(connections=connections)
    named: dict[str, HostLimit] = {
        host: replace(default, interval=provider.interval)
        for provider in providers().values()
        if provider.interval
        for host in provider.hosts
    }
    seen: set[str] = set()
    for index, table in enumerate(tables):

        def where(key: Path, at: Path = ("hosts", index)) -> Path:
            return at + key

        settings = context.validated(HostSettings, table, where)
        if settings is None:
            continue
        for host in hosts_of(settings.name):
            if host in seen:
                context.problems.add(where(("name",)), f'"name": the host {host} is there twice')
            seen.add(host)
            named[host] = _limit(settings, named.get(host, default))
    return HostLimits(default, named)


def hosts_of(name: str) -> tuple[str, ...]:
    """The hosts that are meant by the `name` of an settings: a provider's name stands for all its hosts."""
    provider = find_provider(name)
    return provider.hosts if provider is not None else (name,)


def _limit(settings: HostSettings, known: HostLimit) -> HostLimit:
    """What the settings says, and for the rest what was `known` before."""
    return HostLimit(
        known.connections if settings.connections is None else settings.connections,
        known.spacing if settings.spacing is None else settings.spacing,
        known.interval if settings.interval is None else settings.interval,
    )
