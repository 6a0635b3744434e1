"""Builds the limits of hosts from [[hosts]] and from what is known of providers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.config.context import Context
from shared.config.providers import find_provider, providers
from shared.config.settings import HostSettings
from shared.model.hosts import HostLimit, HostLimits


def build_hosts(context: Context, tables: list[dict[str, Any]], connections: int) -> HostLimits:
    """Return the limits of all hosts. `connections` is the limit of the others; 0 is no limit."""
    default = HostLimit(connections=connections)
    named: dict[str, HostLimit] = {
        host: replace(default, interval=provider.interval)
        for provider in providers().values()
        if provider.interval
        for host in provider.hosts
    }
    seen: set[str] = set()
    for settings, _, path_of in context.items("hosts", HostSettings, tables):
        for host in hosts_of(settings.name):
            if host in seen:
                context.problems.add_problem(path_of(("name",)), f'"name": the host {host} is named twice')
            seen.add(host)
            named[host] = _limit(settings, named.get(host, default))
    return HostLimits(default, named)


def hosts_of(name: str) -> tuple[str, ...]:
    """Return the hosts that a `name` in [[hosts]] stands for: a provider's name stands for all its hosts."""
    provider = find_provider(name)
    return provider.hosts if provider is not None else (name,)


def _limit(settings: HostSettings, known: HostLimit) -> HostLimit:
    """Return the limit with the values of `settings`, and those of `known` for the rest."""
    return HostLimit(
        known.connections if settings.connections is None else settings.connections,
        known.spacing if settings.spacing is None else settings.spacing,
        known.interval if settings.interval is None else settings.interval,
    )
