"""From a document to the `Configuration`, or to all of its problems at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from shared.config import sections
from shared.config.accounts import build_accounts, checked_defaults
from shared.config.configuration import Configuration
from shared.config.context import Context
from shared.config.document import Document
from shared.config.environment import with_environment
from shared.config.hosts import build_hosts
from shared.config.oddities import oddities
from shared.config.problems import Problems
from shared.config.settings import ARRAYS, DEFAULTS, SECTIONS, FetcherSettings
from shared.config.targets import build_targets, declared_names
from shared.model.errors import ConfigurationError

KNOWN = (*SECTIONS, DEFAULTS, *ARRAYS)
PREPARED = frozenset({"broker", "store", "blobs", "relay"})
"""Sections that hold more than what is written: a URL from a file, an absolute path, the machine's name."""


def build(written: Document, environ: Mapping[str, str], host_name: Callable[[], str]) -> Configuration:
    """The configuration of a document and the environment. Raises `ConfigurationError` with every problem."""
    document, variable_problems = with_environment(written, environ)
    problems = Problems(document)
    context = Context(document, environ, problems)
    parts = _parts(context, host_name)
    found = [*variable_problems, *problems.sentences()]
    if found:
        raise ConfigurationError(found)
    assert all(part is not None for part in parts.values()), "what is missing has a problem"
    find = partial(oddities, document, environ, parts["accounts"])
    return Configuration(**parts, document=document, find_oddities=find)


def _parts(context: Context, host_name: Callable[[], str]) -> dict[str, Any]:
    for key in context.document.data.keys() - set(KNOWN):
        context.problems.add_unknown((key,), "section", KNOWN)
    target_tables = _tables(context, "targets")
    defaults = checked_defaults(context, _table(context, DEFAULTS))
    as_written = {
        name: sections.section(context, name, model, _table(context, name))
        for name, model in SECTIONS.items()
        if name not in PREPARED
    }
    fetcher = as_written["fetcher"]
    connections = fetcher.host_connections if isinstance(fetcher, FetcherSettings) else 0
    hosts = build_hosts(context, _tables(context, "hosts"), connections)
    targets = build_targets(context, target_tables)
    endpoints = [each.endpoint for each in targets.values()]
    return {
        **as_written,
        "broker": sections.broker(context, _table(context, "broker")),
        "store": sections.store(context, _table(context, "store")),
        "blobs": sections.blobs(context, _table(context, "blobs")),
        "relay": sections.relay(context, _table(context, "relay"), host_name, endpoints),
        "hosts": hosts,
        "targets": targets,
        "accounts": build_accounts(
            context, _tables(context, "accounts"), defaults, declared_names(target_tables), hosts
        ),
    }


def _table(context: Context, section: str) -> dict[str, Any]:
    table = context.document.data.get(section, {})
    if isinstance(table, dict):
        return table
    context.problems.add((section,), f'"{section}" must be a table, written as [{section}]')
    return {}


def _tables(context: Context, array: str) -> list[dict[str, Any]]:
    tables = context.document.data.get(array, [])
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        return tables
    context.problems.add((array,), f'"{array}" must be tables, each beginning with [[{array}]]')
    return []
