"""Writes the configuration in force as TOML: with defaults, secrets masked, and the origin of each value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit

from shared.config.accounts import account_settings
from shared.config.configuration import BlobsLocation, Configuration, KeyLocation
from shared.config.document import Document
from shared.config.mailboxes import CATCH_ALL_KEYS, SINGLE_KEYS
from shared.config.protocol_keys import unfit_keys
from shared.config.settings import DEFAULTS, SECTIONS, AccountSettings, Settings, TargetSettings
from shared.config.toml_lines import KeyPath
from shared.config.toml_values import MASK, toml_text, toml_value
from shared.config.values import AUTOMATIC, LIST_SCHEME
from shared.model.account import Account, MailboxKind
from shared.model.endpoint import Endpoint, Tls
from shared.model.file_url import url_of_path
from shared.model.setting import ordered_fields
from shared.model.target import NEVER, Target

URL_KEYS = ("source", "url")
WAYS = ("_file", "_env")
Rows = Mapping[str, object]
"""Values by key. A key with the value None is left out."""


def shown(configuration: Configuration) -> str:
    """Return TOML text. A comment behind each value says where it comes from."""
    document = configuration.document
    blocks = [
        _block(f"[{name}]", _section_rows(configuration, name), document, (name,), None) for name in SECTIONS
    ]
    for index, (target, table) in enumerate(
        zip(configuration.targets.values(), document.data.get("targets", ()), strict=True)
    ):
        rows = _rows(TargetSettings.model_validate(table), _target_rows(target))
        blocks.append(_block("[[targets]]", rows, document, ("targets", index), None))
    for index, (account, settings) in enumerate(
        zip(configuration.accounts.values(), account_settings(document), strict=True)
    ):
        rows = _rows(settings, _account_rows(account))
        blocks.append(_block("[[accounts]]", rows, document, ("accounts", index), (DEFAULTS,)))
    blocks += [
        _block("[[oauth_apps]]", _app_rows(table), document, ("oauth_apps", index), None)
        for index, table in enumerate(document.data.get("oauth_apps", ()))
    ]
    # A host has no defaults of its own: it is shown as it was written.
    blocks += [
        _block("[[hosts]]", table, document, ("hosts", index), None)
        for index, table in enumerate(document.data.get("hosts", ()))
    ]
    return "\n\n".join(blocks) + "\n"


def without_password(url: str) -> str:
    """Return the URL with its password and its query masked: a query may hold a password, too."""
    if "//" not in url:
        return url
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    name, colon, _password = user.partition(":")
    netloc = f"{name}:{MASK}@{place}" if colon else parts.netloc
    if not parts.netloc:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, netloc, parts.path, MASK if parts.query else "", ""))


def _block(header: str, rows: Rows, document: Document, path: KeyPath, defaults: KeyPath | None) -> str:
    lines = [header]
    for key, value in rows.items():
        if value is not None:
            lines.append(f"{key} = {toml_text(value)}  # {_origin(document, key, path, defaults)}")
    return "\n".join(lines)


def _origin(document: Document, key: str, path: KeyPath, defaults: KeyPath | None) -> str:
    for table in (path, defaults):
        if table is None:
            continue
        for written_key in (key, *(key + way for way in WAYS)):
            if document.has_key((*table, written_key)):
                return document.location_of((*table, written_key))
    for url in URL_KEYS if key in ("username", "password") else ():
        if document.has_key((*path, url)):
            return document.location_of((*path, url))
    return "default"


def _rows(settings: Settings, instead: Rows) -> Rows:
    """Return the settings as they are written. Values of `instead` replace them."""
    own = {
        key: toml_value(getattr(settings, key), field)
        for key, field in ordered_fields(type(settings)).items()
        if not key.endswith(WAYS) or key == "ca_file"
    }
    return {**own, **instead}


def _section_rows(configuration: Configuration, name: str) -> Rows:
    section = getattr(configuration, name)
    if isinstance(section, BlobsLocation):
        return dict(_blobs_rows(section))
    if isinstance(section, KeyLocation):
        return {
            "key_file": str(section.key_file) if section.key_file is not None else None,
            "key_env": section.variable,
            "old_key_files": [str(file) for file in section.old_files],
        }
    if name in ("broker", "store"):
        return _rows(section, {"url": without_password(section.url.get_secret_value())})
    if name == "metrics":
        return {"listen": str(section.listen or "")}
    if name == "control":
        shown = {"listen": str(section.listen or ""), "proxies": [*map(str, section.proxies)]}
        return _rows(section, shown)
    if name == "oidc":
        return _rows(section, {"client_secret": MASK if section.client_secret is not None else None})
    return _rows(section, {})


def _app_rows(table: Rows) -> Rows:
    """Return an app as it was written, its secret masked."""
    return {key: MASK if key == "client_secret" else value for key, value in table.items()}


def _blobs_rows(blobs: BlobsLocation) -> Iterator[tuple[str, object]]:
    yield "url", blobs.url
    if blobs.bucket is not None:
        for key in ("endpoint", "region", "access_key"):
            yield key, getattr(blobs.bucket, key)
        yield "secret_key", MASK if blobs.bucket.secret_key is not None else None


def _target_rows(target: Target) -> Rows:
    rows: dict[str, object] = {"url": _target_url(target), **_endpoint_rows(target.endpoint)}
    rows.update(dict.fromkeys(("username", "password", "token", "auth"), None))
    if target.credentials is not None:
        rows["username"] = target.credentials.username
        if target.credentials.oauth_app is None:
            rows["token_file" if target.credentials.token_file else "password"] = MASK
        rows["auth"] = [name.lower() for name in target.credentials.methods] or AUTOMATIC
    if target.delivery_options.dsn == (NEVER,):
        rows["dsn"] = NEVER
    return rows


def _account_rows(account: Account) -> Rows:
    """Return the values in force where they differ from what the file says."""
    kind = account.routing.kind
    login = account.login
    by_token = login.token is not None or login.token_file is not None
    useless = CATCH_ALL_KEYS if kind is MailboxKind.SINGLE else SINGLE_KEYS
    rows: dict[str, object] = dict.fromkeys((*useless, *unfit_keys(account.protocol)), None)
    rows |= {
        "source": _url(account.protocol, account.endpoint),
        "username": account.login.username,
        "password": None if by_token or login.oauth_app is not None else MASK,
        "token": MASK if by_token else None,
        "auth": list(account.login.auth) or AUTOMATIC,
        **_endpoint_rows(account.endpoint),
    }
    if account.routing.sender.srs is None:
        rows |= {"srs_domain": None, "srs_key": None}
    else:
        rows["srs_key"] = MASK
    if account.routing.recipient_list is not None:
        rows["verify_recipients"] = url_of_path(LIST_SCHEME, account.routing.recipient_list)
    if account.shortest_interval > 0:
        rows["poll"] = toml_value(account.retry_times.poll, AccountSettings.model_fields["poll"])
    return rows


def _endpoint_rows(endpoint: Endpoint) -> Rows:
    """Return the keys of the connection. Keys that are not in force have the value None."""
    restricted = endpoint.addresses.restricts
    rows: dict[str, object] = {
        "tls": None if endpoint.tls is Tls.IMPLICIT else endpoint.tls.value,
        "tls_verify": endpoint.verify if endpoint.pin is None else None,
        "ca_file": endpoint.ca_file,
    }
    return rows if restricted else {**rows, "addresses": None, "deny_addresses": None}


def _target_url(target: Target) -> str:
    endpoint = target.endpoint
    if endpoint.unix_path is not None:
        return url_of_path("lmtp+unix://", endpoint.unix_path)
    if endpoint.by_mx:
        return _url("mx", endpoint)
    return _url("lmtp" if target.lmtp else "smtp", endpoint)


def _url(protocol: str, endpoint: Endpoint) -> str:
    scheme = protocol + "s" if endpoint.tls is Tls.IMPLICIT else protocol
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{scheme}://{host}:{endpoint.port}"
