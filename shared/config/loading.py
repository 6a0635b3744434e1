"""The ways to get a `Configuration`: from a TOML file, or from a mapping that the command line made."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from shared.config import sections
from shared.config.accounts import build_accounts, checked_defaults
from shared.config.configuration import Configuration
from shared.config.context import Context
from shared.config.document import Document, read_document
from shared.config.environment import with_environment
from shared.config.hosts import build_hosts
from shared.config.including import INCLUDE, with_included, without_included
from shared.config.oauth_apps import build_oauth_apps
from shared.config.problems import Problems
from shared.config.settings import ARRAYS, DEFAULTS, SECTIONS, FetcherSettings
from shared.config.settings.infrastructure import MetricsSettings
from shared.config.targets import UsableTargets, build_targets
from shared.config.tenants import build_tenants
from shared.config.warnings import warnings_of
from shared.model.errors import ConfigurationError

DEFAULT_PATH = Path("/etc/mailferry/mailferry.toml")
"""Where commands and services look for the file if nothing names one."""
NAME_IT = "name your configuration by -c FILE or in MAILFERRY_CONFIG"
KNOWN = (*SECTIONS, DEFAULTS, *ARRAYS, INCLUDE)
PREPARED = frozenset({"broker", "store", "blobs", "secrets", "relay", "oidc"})
"""Sections that are completed after validation: a URL from a file, an absolute path, the machine's name."""


def load(
    path: Path,
    environ: Mapping[str, str],
    host_name: Callable[[], str] = socket.getfqdn,
    *,
    includes: bool = True,
) -> Configuration:
    """Return the configuration in the TOML file at `path`. Values in `environ` go before those of the file.

    Without `includes` it is for a process that reads accounts from the registry alone, so included files are
    not read. Raises `ConfigurationError` with every problem, each a sentence that names file, line and key.
    """
    document = _read(path)
    document = with_included(document) if includes else without_included(document)
    return build_configuration(document, environ, host_name)


def load_metrics(path: Path, environ: Mapping[str, str]) -> MetricsSettings:
    """Return the section [metrics] alone. Nothing else is looked at, as thousands of accounts take seconds.

    Raises `ConfigurationError` if the file cannot be read or the section cannot be used.
    """
    document, _ = with_environment(read_document(path), environ)
    problems = Problems(document)
    context = Context(document, environ, problems)
    found = sections.section(context, "metrics", MetricsSettings, _table(context, "metrics"))
    if found is None:
        raise ConfigurationError(problems.sentences())
    return found


def from_mapping(
    mapping: Mapping[str, Any],
    environ: Mapping[str, str],
    base: Path,
    origin: str = "command line",
    host_name: Callable[[], str] = socket.getfqdn,
) -> Configuration:
    """Return the configuration in a mapping of the file's form. Relative paths start from `base`.

    Raises `ConfigurationError` with every problem. The sentences name `origin` in place of a file.
    """
    return build_configuration(Document(mapping, origin, base), environ, host_name)


def build_configuration(
    written: Document, environ: Mapping[str, str], host_name: Callable[[], str] = socket.getfqdn
) -> Configuration:
    """Return the configuration of a document. Raises `ConfigurationError` with every problem."""
    document, variable_problems = with_environment(written, environ)
    problems = Problems(document)
    context = Context(document, environ, problems)
    parts = _parts(context, host_name)
    found = [*variable_problems, *problems.sentences()]
    if found:
        raise ConfigurationError(found)
    assert all(part is not None for part in parts.values()), "each missing part has added a problem"
    find = partial(warnings_of, document, environ, parts["accounts"], parts["secrets"])
    return Configuration(**parts, document=document, find_warnings=find)


def _parts(context: Context, host_name: Callable[[], str]) -> dict[str, Any]:
    for key in context.document.data.keys() - set(KNOWN):
        context.problems.add_unknown((key,), "section", KNOWN)
    target_tables = _tables(context, "targets")
    defaults = checked_defaults(context, _table(context, DEFAULTS))
    plain_sections = {
        name: sections.section(context, name, model, _table(context, name))
        for name, model in SECTIONS.items()
        if name not in PREPARED
    }
    fetcher = plain_sections["fetcher"]
    connections = fetcher.host_connections if isinstance(fetcher, FetcherSettings) else 0
    hosts = build_hosts(context, _tables(context, "hosts"), connections)
    targets = build_targets(context, target_tables)
    store = sections.store(context, _table(context, "store"))
    endpoints = [each.endpoint for each in targets.values()]
    return {
        **plain_sections,
        "broker": sections.broker(context, _table(context, "broker")),
        "store": store,
        "blobs": sections.blobs(context, _table(context, "blobs")),
        "secrets": sections.secrets(context, _table(context, "secrets"), store),
        "relay": sections.relay(context, _table(context, "relay"), host_name, endpoints),
        "oidc": sections.oidc(context, _table(context, "oidc")),
        "hosts": hosts,
        "tenants": build_tenants(context, _tables(context, "tenants")),
        "targets": targets,
        "oauth_apps": build_oauth_apps(context, _tables(context, "oauth_apps")),
        "accounts": build_accounts(
            context, _tables(context, "accounts"), defaults, UsableTargets(target_tables), hosts
        ),
    }


def _table(context: Context, section: str) -> dict[str, Any]:
    table = context.document.data.get(section, {})
    if isinstance(table, dict):
        return table
    context.problems.add_problem((section,), f'"{section}" must be a table, written as [{section}]')
    return {}


def _read(path: Path) -> Document:
    if not path.name:
        raise ConfigurationError([f"The name of the configuration is empty; {NAME_IT}"])
    try:
        return read_document(path)
    except ConfigurationError as error:
        if path != DEFAULT_PATH or not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ConfigurationError([f"{error.problems[0]}; {NAME_IT}"]) from error.__cause__


def _tables(context: Context, array: str) -> list[dict[str, Any]]:
    tables = context.document.data.get(array, [])
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        return tables
    context.problems.add_problem((array,), f'"{array}" must be tables, each beginning with [[{array}]]')
    return []
