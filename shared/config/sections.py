"""The sections of the file to their runtime values: URLs checked, paths absolute."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from shared.config import helo
from shared.config.context import Context
from shared.config.locate import Path
from shared.config.runtime import (
    IN_PROCESS,
    SQLITE,
    BlobsSection,
    BrokerSection,
    FetcherSection,
    LeasesSection,
    LogSection,
    MetricsSection,
    RelaySection,
    StoreSection,
)
from shared.config.schema import (
    BlobsEntry,
    BrokerEntry,
    FetcherEntry,
    LeasesEntry,
    LogEntry,
    MetricsEntry,
    RelayEntry,
    StoreEntry,
)
from shared.model.endpoint import Endpoint
from shared.model.file_url import path_in_url, url_of_path
from shared.model.s3_location import S3Location

S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*[A-Za-z0-9._-]))?/?")
DEFAULT_STORE = "sqlite:////var/lib/mailferry/mailferry.db"


def broker(context: Context, table: Any) -> BrokerSection | None:
    """[broker]."""
    entry = context.validated(BrokerEntry, table, _within("broker"))
    url = _url(context, "broker", entry, IN_PROCESS)
    if url is None:
        return None
    text = url.get_secret_value()
    if text != IN_PROCESS:
        _check(
            context,
            "broker",
            lambda: _network_url(text, ("amqp", "amqps"), "memory: or amqp://user@host/vhost"),
        )
    return BrokerSection(url)


def store(context: Context, table: Any) -> StoreSection | None:
    """[store]; a relative path of an SQLite file starts from the configuration's directory."""
    entry = context.validated(StoreEntry, table, _within("store"))
    url = _url(context, "store", entry, DEFAULT_STORE)
    if url is None or entry is None:
        return None
    text = url.get_secret_value()
    if text.startswith("sqlite:"):
        path = _check(
            context, "store", lambda: path_in_url(text, "sqlite:", "sqlite:///var/lib/mailferry/mailferry.db")
        )
        if not path:
            return None
        url = SecretStr(url_of_path(SQLITE, str(context.document.resolved(path))))
        return StoreSection(url, entry.keep_history, entry.deadline)
    expected = "sqlite:///path/to/file or postgresql://user@host/database"
    _check(context, "store", lambda: _network_url(text, ("postgresql",), expected))
    return StoreSection(url, entry.keep_history, entry.deadline)


def blobs(context: Context, table: Any) -> BlobsSection | None:
    """[blobs]; a relative path starts from the configuration's directory."""
    entry = context.validated(BlobsEntry, table, _within("blobs"))
    if entry is None:
        return None
    if entry.url.startswith("s3:"):
        return _bucket(context, entry)
    for key in ("endpoint", "region", "access_key", *(f"secret_key{end}" for end in ("", "_file", "_env"))):
        if getattr(entry, key) is not None:
            context.problems.add(
                ("blobs", key), f'"{key}" has no effect: it is for a url that begins with s3:'
            )
    path = _check(
        context, "blobs", lambda: path_in_url(entry.url, "file:", "file:///var/lib/mailferry/blobs")
    )
    return BlobsSection(context.document.resolved(path)) if path else None


def _bucket(context: Context, entry: BlobsEntry) -> BlobsSection | None:
    match = S3.fullmatch(entry.url)
    if match is None:
        context.problems.add(
            ("blobs", "url"), '"url": expected a bucket and perhaps a prefix: s3://bucket/prefix'
        )
        return None
    secret = context.secret(entry, "secret_key", _within("blobs"))
    wanted = [entry.secret_key, entry.secret_key_file, entry.secret_key_env]
    if (entry.access_key is None) != all(each is None for each in wanted):
        missing = "access_key" if entry.access_key is None else "secret_key"
        context.problems.add(("blobs", missing), f'"{missing}" is missing: both keys are given, or none')
    bucket = S3Location(match[1], match[2] or "", entry.endpoint, entry.region, entry.access_key, secret)
    return BlobsSection(None, bucket)


def metrics(context: Context, table: Any) -> MetricsSection | None:
    """[metrics]."""
    entry = context.validated(MetricsEntry, table, _within("metrics"))
    return None if entry is None else MetricsSection(entry.listen)


def fetcher(context: Context, table: Any) -> FetcherSection | None:
    """[fetcher]."""
    entry = context.validated(FetcherEntry, table, _within("fetcher"))
    if entry is None:
        return None
    return FetcherSection(
        entry.concurrency,
        entry.window_messages,
        entry.window_bytes,
        entry.settle_wait,
        entry.inline_limit,
        entry.host_connections,
        entry.process_bytes,
        entry.tenant_window_messages,
        entry.tenant_window_bytes,
    )


def relay(
    context: Context, table: Any, host_name: Callable[[], str], targets: Iterable[Endpoint]
) -> RelaySection | None:
    """[relay]; `host_name` gives the machine's full name, which is what we greet `targets` with where none is
    configured.
    """
    entry = context.validated(RelayEntry, table, _within("relay"))
    if entry is None:
        return None
    name = entry.helo_name
    if name is None:
        name = _check(context, "relay", lambda: helo.of_machine(host_name, targets), "helo_name")
    if name is None:
        return None
    return RelaySection(tuple(entry.retry_delays), entry.give_up, name, tuple(entry.probe_delays))


def leases(context: Context, table: Any) -> LeasesSection | None:
    """[leases]."""
    entry = context.validated(LeasesEntry, table, _within("leases"))
    return None if entry is None else LeasesSection(entry.account, entry.message)


def log(context: Context, table: Any) -> LogSection | None:
    """[log]."""
    entry = context.validated(LogEntry, table, _within("log"))
    return None if entry is None else LogSection(entry.level, entry.format)


def _within(section: str) -> Callable[[Path], Path]:
    return lambda key: (section, *key)


def _url(context: Context, section: str, entry: BrokerEntry | None, default: str) -> SecretStr | None:
    """The URL of broker or store; None after a problem was noted."""
    if entry is None:
        return None
    if entry.url is None and entry.url_file is None and entry.url_env is None:
        return SecretStr(default)
    return context.secret(entry, "url", _within(section))


def _check(context: Context, section: str, read: Callable[[], str | None], key: str = "url") -> str | None:
    """What `read` returns; None after noting the sentence of the ValueError that it raised."""
    try:
        return read()
    except ValueError as error:
        context.problems.add((section, key), f'"{key}": {error}')
        return None


def _network_url(url: str, schemes: tuple[str, ...], expected: str) -> None:
    """Check scheme and port; the standard library's own errors repeat parts of the URL, so they are not
    passed on.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("host and port of the URL cannot be read") from None
    if parts.scheme not in schemes:
        raise ValueError(f"expected {expected}")
    if port == 0 or (parts.scheme.startswith("amqp") and not parts.hostname):
        raise ValueError("host or port is missing in the URL")
