"""The configuration in force, as TOML for a reader: complete with defaults, every secret masked, each
value's origin.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from shared.config.document import Document
from shared.config.locate import Path
from shared.config.rules import written_rules
from shared.config.runtime import BlobsSection, Configuration, NoticesSection
from shared.config.schema import DEFAULTS
from shared.config.values import AUTOMATIC, LIST_SCHEME, written_size
from shared.model.account import PARK, REFUSE, Account, MailboxKind, Routing
from shared.model.duration import written
from shared.model.endpoint import Endpoint, Tls
from shared.model.file_url import url_of_path
from shared.model.reading import Reading
from shared.model.sender import SenderRule
from shared.model.target import Target

MASK = "********"
URL_KEYS = ("source", "url")
Row = tuple[str, object]


def shown(configuration: Configuration) -> str:
    """TOML text; a comment behind each value says where it came from."""
    document = configuration.document
    blocks = [
        _block(f"[{section}]", rows, document, (section,), None)
        for section, rows in _section_rows(configuration)
    ]
    for index, target in enumerate(configuration.targets.values()):
        blocks.append(_block("[[targets]]", _target_rows(target), document, ("targets", index), None))
    for index, account in enumerate(configuration.accounts.values()):
        blocks.append(
            _block("[[accounts]]", _account_rows(account), document, ("accounts", index), (DEFAULTS,))
        )
    blocks += [
        _block("[[hosts]]", rows, document, ("hosts", index), None)
        for index, rows in enumerate(_host_rows(document))
    ]
    return "\n\n".join(blocks) + "\n"


def _block(header: str, rows: Iterator[Row], document: Document, path: Path, defaults: Path | None) -> str:
    lines = [header]
    for key, value in rows:
        lines.append(f"{key} = {_toml(value)}  # {_origin(document, key, path, defaults)}")
    return "\n".join(lines)


def _origin(document: Document, key: str, path: Path, defaults: Path | None) -> str:
    for table in (path, defaults):
        if table is None:
            continue
        for written_key in (key, f"{key}_file", f"{key}_env"):
            if document.has((*table, written_key)):
                return document.place((*table, written_key))
    for url in URL_KEYS if key in ("username", "password") else ():
        if document.has((*path, url)):
            return document.place((*path, url))
    return "default"


def _section_rows(configuration: Configuration) -> Iterator[tuple[str, Iterator[Row]]]:
    fetcher, relay, leases = configuration.fetcher, configuration.relay, configuration.leases
    listen = configuration.metrics.listen
    yield "broker", iter([("url", without_password(configuration.broker.url.get_secret_value()))])
    store = configuration.store
    yield (
        "store",
        iter(
            [
                ("url", without_password(store.url.get_secret_value())),
                ("keep_history", written(store.keep_history)),
                ("deadline", written(store.deadline)),
            ]
        ),
    )
    yield "blobs", _blobs_rows(configuration.blobs)
    yield "metrics", iter([("listen", str(listen) if listen else "")])
    yield (
        "fetcher",
        iter(
            [
                ("concurrency", fetcher.concurrency),
                ("host_connections", fetcher.host_connections),
                ("window_messages", fetcher.window_messages),
                ("window_bytes", written_size(fetcher.window_bytes)),
                ("tenant_window_messages", fetcher.tenant_window_messages),
                ("tenant_window_bytes", written_size(fetcher.tenant_window_bytes)),
                ("settle_wait", written(fetcher.settle_wait)),
                ("inline_limit", written_size(fetcher.inline_limit)),
                ("process_bytes", written_size(fetcher.process_bytes)),
            ]
        ),
    )
    yield (
        "relay",
        iter(
            [
                ("retry_delays", [written(delay) for delay in relay.retry_delays]),
                ("give_up", written(relay.give_up)),
                ("helo_name", relay.helo_name),
                ("probe_delays", [written(delay) for delay in relay.probe_delays]),
            ]
        ),
    )
    yield "notices", _notices_rows(configuration.notices)
    yield "leases", iter([("account", written(leases.account)), ("message", written(leases.message))])
    yield "log", iter([("level", configuration.log.level), ("format", configuration.log.format)])


def _host_rows(document: Document) -> Iterator[Iterator[Row]]:
    """As they were written: a host has no defaults of its own."""
    for table in document.data.get("hosts", ()):
        yield iter(table.items())


def _notices_rows(notices: NoticesSection) -> Iterator[Row]:
    if notices.digest is not None:
        yield "digest", written(notices.digest)
    yield "bounces", notices.bounces
    yield "postmasters", {tenant: str(address) for tenant, address in notices.postmasters.items()}


def _blobs_rows(blobs: BlobsSection) -> Iterator[Row]:
    yield "url", blobs.url
    if blobs.bucket is not None:
        for key in ("endpoint", "region", "access_key"):
            if (value := getattr(blobs.bucket, key)) is not None:
                yield key, value
        if blobs.bucket.secret_key is not None:
            yield "secret_key", MASK


def _target_rows(target: Target) -> Iterator[Row]:
    yield "name", target.name
    yield "url", _target_url(target)
    yield from _tls_rows(target.endpoint)
    if target.credentials:
        yield "username", target.credentials.username
        yield "token_file" if target.credentials.token_file else "password", MASK
        yield "auth", [name.lower() for name in target.credentials.methods] or AUTOMATIC
    yield "connections", target.connections
    yield "host_connections", target.manners.host_connections
    yield "connection_mails", target.manners.mails
    yield "connection_age", written(target.manners.age)
    yield "max_recipients", target.manners.recipients
    yield "dsn", "never" if target.manners.dsn == ("never",) else list(target.manners.dsn)
    yield "client", target.manners.client.value
    if target.rules:
        yield "rules", written_rules(target.rules)


def _account_rows(account: Account) -> Iterator[Row]:
    yield "tenant", account.tenant
    yield "name", account.name
    if account.provider is not None:
        yield "provider", account.provider
    yield "source", _url(account.protocol, account.endpoint)
    yield "username", account.login.username
    by_token = account.login.token is not None or account.login.token_file is not None
    yield "token" if by_token else "password", MASK
    yield from _tls_rows(account.endpoint)
    yield "auth", list(account.login.auth) or AUTOMATIC
    yield "detect", list(account.login.detect)
    yield "target", account.target
    yield from _routing_rows(account)
    yield "retention", str(account.retention)
    yield "custody", account.custody.value
    yield "poll", written(account.patience.poll)
    yield "timeout", written(account.patience.timeout)
    yield "retries", account.patience.retries
    yield "retry_delay", written(account.patience.retry_delay)
    yield from _reading_rows(account.reading)
    yield "enabled", account.enabled


def _reading_rows(reading: Reading) -> Iterator[Row]:
    yield "max_messages", reading.max_messages
    yield "max_bytes", written_size(reading.max_bytes)
    yield "max_size", written_size(reading.max_size)
    yield "oversize", reading.oversize.value
    yield "session_deadline", written(reading.session_deadline)
    yield "use_top", reading.use_top
    yield "pipelining", reading.pipelining.value
    yield "line_limit", written_size(reading.caps.line)
    yield "listing_limit", written_size(reading.caps.listing)
    yield "mail_limit", written_size(reading.caps.mail)
    yield "session_limit", written_size(reading.caps.session)


def _routing_rows(account: Account) -> Iterator[Row]:
    routing = account.routing
    yield "mailbox", routing.kind.value
    if routing.kind is MailboxKind.SINGLE:
        yield "recipient", str(routing.recipient)
    else:
        yield "domains", routing.domains
        yield "aliases", {str(alias): str(address) for alias, address in routing.aliases.items()}
        yield "subaddresses", "strip" if routing.strip_tags else "keep"
        yield "recipient_headers", [str(field) for field in routing.recipient_headers]
        yield "only_recipient_headers", routing.only_recipient_headers
        yield "recipient_prefix", list(routing.recipient_prefixes)
        yield "own_addresses", [str(address) for address in routing.own_addresses]
        yield "recipients", _existence(routing)
        yield "unknown_recipients", _unknown(routing)
        yield "surplus_copies", "postmaster" if routing.surplus_copies else "suppress"
    yield "trusted_hosts", list(routing.trusted_hosts)
    yield from _sender_rows(routing.sender)
    yield "dedup", routing.dedup.value


def _sender_rows(sender: SenderRule) -> Iterator[Row]:
    yield "sender", str(sender)
    if sender.srs is not None:
        yield "srs_domain", sender.srs.domain
        yield "srs_key", MASK


def _existence(routing: Routing) -> str:
    if routing.recipient_list:
        return url_of_path(LIST_SCHEME, routing.recipient_list)
    return routing.existence.value


def _unknown(routing: Routing) -> str:
    return PARK if routing.park_unknown else str(routing.unknown_recipients or REFUSE)


def _tls_rows(endpoint: Endpoint) -> Iterator[Row]:
    if endpoint.tls is not Tls.IMPLICIT:
        yield "tls", endpoint.tls.value
    if endpoint.pin is None:
        yield "tls_verify", endpoint.verify
    else:
        yield "tls_pin", endpoint.pin
    if endpoint.ca_file:
        yield "ca_file", endpoint.ca_file
    if endpoint.addresses.restricts:
        yield "addresses", "public" if endpoint.addresses.public_only else "any"
        yield "deny_addresses", [str(network) for network in endpoint.addresses.denied]


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


def without_password(url: str) -> str:
    """The URL with its password masked, and without its query, which for PostgreSQL may hold another."""
    if "//" not in url:
        return url
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    name, colon, _password = user.partition(":")
    netloc = f"{name}:{MASK}@{place}" if colon else parts.netloc
    if not parts.netloc:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, netloc, parts.path, MASK if parts.query else "", ""))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
