"""Builds the sections of the file: checks URLs, makes paths absolute, reads secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from shared.config import helo
from shared.config.configuration import BlobsLocation, KeyLocation
from shared.config.context import Context
from shared.config.secrets import GivenSecret, UnusableSecret, key_file_beside, read_secret
from shared.config.settings import (
    SQLITE,
    BlobsSettings,
    BrokerSettings,
    OidcSettings,
    RelaySettings,
    SecretsSettings,
    Settings,
    StoreSettings,
    UrlSettings,
)
from shared.config.toml_lines import KeyPath
from shared.model.endpoint import Endpoint
from shared.model.file_url import path_in_url, url_of_path
from shared.model.s3_location import S3Location
from shared.secrets.keys import UnusableKey, parse_keys

S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*[A-Za-z0-9._-]))?/?")
Section = TypeVar("Section", bound=Settings)
WithUrl = TypeVar("WithUrl", bound=UrlSettings)


def section(context: Context, name: str, model: type[Section], table: Mapping[str, Any]) -> Section | None:
    """Return a section that needs no completion; None after adding a problem."""
    return context.validate(model, table, _path_in(name))


def broker(context: Context, table: Mapping[str, Any]) -> BrokerSettings | None:
    """Return [broker]; None after adding a problem."""
    settings = _with_url(context, "broker", section(context, "broker", BrokerSettings, table))
    if settings is not None and not settings.in_process:
        text = settings.url.get_secret_value()
        expected = "memory: or amqp://user@host/vhost"
        _check(context, "broker", lambda: _network_url(text, ("amqp", "amqps"), expected))
    return settings


def store(context: Context, table: Mapping[str, Any]) -> StoreSettings | None:
    """Return [store] with an absolute path of SQLite; None after adding a problem."""
    settings = _with_url(context, "store", section(context, "store", StoreSettings, table))
    if settings is None:
        return None
    text = settings.url.get_secret_value()
    if not text.startswith("sqlite:"):
        expected = "sqlite:///path/to/file or postgresql://user@host/database"
        _check(context, "store", lambda: _network_url(text, ("postgresql",), expected))
        return settings
    example = "sqlite:///var/lib/mailferry/mailferry.db"
    path = _check(context, "store", lambda: path_in_url(text, "sqlite:", example))
    if not path:
        return None
    return settings.model_copy(
        update={"url": SecretStr(url_of_path(SQLITE, str(context.document.absolute_path(path))))}
    )


def blobs(context: Context, table: Mapping[str, Any]) -> BlobsLocation | None:
    """Return [blobs] with an absolute path; None after adding a problem."""
    settings = section(context, "blobs", BlobsSettings, table)
    if settings is None:
        return None
    if settings.url.startswith("s3:"):
        return _bucket(context, settings)
    for key in sorted(settings.model_fields_set - {"url"}):
        context.problems.add_problem(
            ("blobs", key), f'"{key}" has no effect: it is for a url that begins with s3:'
        )
    example = "file:///var/lib/mailferry/blobs"
    path = _check(context, "blobs", lambda: path_in_url(settings.url, "file:", example))
    return BlobsLocation(context.document.absolute_path(path)) if path else None


def _bucket(context: Context, settings: BlobsSettings) -> BlobsLocation | None:
    match = S3.fullmatch(settings.url)
    if match is None:
        context.problems.add_problem(
            ("blobs", "url"), '"url": expected a bucket and perhaps a prefix: s3://bucket/prefix'
        )
        return None
    secret = context.secret(settings, "secret_key", _path_in("blobs"))
    wanted = [settings.secret_key, settings.secret_key_file, settings.secret_key_env]
    if (settings.access_key is None) != all(each is None for each in wanted):
        missing = "access_key" if settings.access_key is None else "secret_key"
        context.problems.add_problem(
            ("blobs", missing), f'"{missing}" is missing: both keys are given, or none'
        )
    return BlobsLocation(
        None,
        S3Location(match[1], match[2] or "", settings.endpoint, settings.region, settings.access_key, secret),
    )


def secrets(context: Context, table: Mapping[str, Any], store: StoreSettings | None) -> KeyLocation | None:
    """Return [secrets] with absolute paths; None after adding a problem.

    Files are not read yet: `mailferry secrets init` and the first start make them.
    """
    settings = section(context, "secrets", SecretsSettings, table)
    if settings is None:
        return None
    if settings.key_file is not None and settings.key_env is not None:
        context.problems.add_problem(
            ("secrets", "key_env"), '"key_file" and "key_env" give the same key twice; keep one of them'
        )
        return None
    given = None
    if settings.key_env is not None:
        try:
            given = read_secret(GivenSecret("key", None, None, settings.key_env), context.environ)
            parse_keys(given.get_secret_value() if given else "")
        except (UnusableSecret, UnusableKey) as problem:
            sentence = str(problem) if isinstance(problem, UnusableSecret) else f'"key_env": {problem}'
            context.problems.add_problem(("secrets", "key_env"), sentence)
            return None
    database = store.sqlite_path if store is not None else None
    beside = key_file_beside(database) if database is not None else None
    absolute = context.document.absolute_path
    file = absolute(settings.key_file) if settings.key_file is not None else None
    old_files = tuple(map(absolute, settings.old_key_files))
    return KeyLocation(None if file == beside else file, settings.key_env, given, old_files, beside)


def oidc(context: Context, table: Mapping[str, Any]) -> OidcSettings | None:
    """Return [oidc] with its secret; None after adding a problem."""
    settings = section(context, "oidc", OidcSettings, table)
    if settings is None or settings.issuer is None:
        return settings
    if settings.client_id is None:
        context.problems.add_problem(("oidc", "client_id"), '"client_id" is missing')
        return None
    if not settings.groups:
        sentence = '"groups" is missing: without a group that gives a role, nobody can sign in'
        context.problems.add_problem(("oidc", "groups"), sentence)
        return None
    given = settings.model_fields_set & {"client_secret", "client_secret_file", "client_secret_env"}
    secret = context.secret(settings, "client_secret", _path_in("oidc")) if given else None
    if given and secret is None:
        return None
    return settings.model_copy(update={"client_secret": secret})


def relay(
    context: Context, table: Mapping[str, Any], host_name: Callable[[], str], targets: Iterable[Endpoint]
) -> RelaySettings | None:
    """Return [relay] with our HELO name; None after adding a problem.

    `host_name` returns the machine's full name, which is used if none is configured.
    """
    settings = section(context, "relay", RelaySettings, table)
    if settings is None or settings.helo_name:
        return settings
    name = _check(context, "relay", lambda: helo.helo_name_of_machine(host_name, targets), "helo_name")
    return None if name is None else settings.model_copy(update={"helo_name": name})


def _path_in(section: str) -> Callable[[KeyPath], KeyPath]:
    return lambda key: (section, *key)


def _with_url(context: Context, name: str, settings: WithUrl | None) -> WithUrl | None:
    """Return the section with the URL from its key, file or variable; None after adding a problem."""
    if settings is None or not settings.model_fields_set & {"url", "url_file", "url_env"}:
        return settings
    url = context.secret(settings, "url", _path_in(name))
    if url is None:
        return None
    return settings.model_copy(update={"url": url, "url_file": None, "url_env": None})


def _check(context: Context, section: str, read: Callable[[], str | None], key: str = "url") -> str | None:
    """Return what `read` returns; None after adding a problem with its ValueError."""
    try:
        return read()
    except ValueError as error:
        context.problems.add_problem((section, key), f'"{key}": {error}')
        return None


def _network_url(url: str, schemes: tuple[str, ...], expected: str) -> None:
    """Check scheme and port. Errors of the standard library are replaced: they repeat parts of the URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("host and port of the URL cannot be read") from None
    if parts.scheme not in schemes:
        raise ValueError(f"expected {expected}")
    if port == 0 or (parts.scheme.startswith("amqp") and not parts.hostname):
        raise ValueError("host or port is missing in the URL")
