"""[[accounts]], each upon [defaults], to the accounts that mail is fetched from."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

from shared.config import logins, servers
from shared.config.context import Context
from shared.config.layers import Layered
from shared.config.mailboxes import routing
from shared.config.providers import find_provider
from shared.config.reading import reading
from shared.config.schema import DEFAULT_KEYS, DEFAULTS, AccountEntry
from shared.model.account import Account, Custody, Login, RetryTimes
from shared.model.duration import written
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import quoted
from shared.model.hosts import HostLimits


def build_accounts(
    context: Context,
    tables: list[dict[str, Any]],
    defaults: dict[str, Any],
    target_names: Collection[str],
    hosts: HostLimits,
) -> dict[str, Account]:
    """The valid accounts by id; everything else has been noted as a problem."""
    accounts: dict[str, Account] = {}
    for index, table in enumerate(tables):
        layered = Layered(index, table, defaults, _provided(table, defaults))
        entry = context.validated(AccountEntry, layered.table(), layered.where)
        account = None if entry is None else _account(context, entry, layered, target_names, hosts)
        if account is None:
            continue
        if account.id in accounts:
            layered.note(context.problems, "name", '"name": the tenant has another account of this name')
        accounts[account.id] = account
    return accounts


def checked_defaults(context: Context, table: dict[str, Any]) -> dict[str, Any]:
    """The defaults without unknown keys, after noting what is wrong in them even where no account uses it."""
    for key in table.keys() - DEFAULT_KEYS:
        context.problems.add_unknown((DEFAULTS, key), "key", DEFAULT_KEYS)
    known = {key: value for key, value in table.items() if key in DEFAULT_KEYS}
    try:
        AccountEntry.model_validate(known)
    except ValidationError as error:
        context.problems.add_invalid_present(lambda key: (DEFAULTS, *key), AccountEntry, error)
    return known


def _provided(table: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The keys that the provider of an account gives; none where it is not named or not known."""
    name = table.get("provider", defaults.get("provider"))
    provider = find_provider(name) if isinstance(name, str) else None
    return {} if provider is None else provider.account_keys(DEFAULT_KEYS)


def _account(
    context: Context,
    entry: AccountEntry,
    layered: Layered,
    target_names: Collection[str],
    hosts: HostLimits,
) -> Account | None:
    """The account; None after a problem was noted. One wrong part does not hide the others."""
    target = _target(context, entry, layered, target_names)
    recipients = routing(context, entry, layered)
    server = _server(context, entry, layered)
    if target is None or recipients is None or server is None:
        return None
    endpoint, login = server
    return Account(
        tenant=entry.tenant,
        name=entry.name,
        protocol="pop3",
        endpoint=endpoint,
        login=login,
        target=target,
        routing=recipients,
        retention=entry.retention,
        custody=Custody(entry.custody),
        patience=_patience(context, entry, layered, hosts.of(endpoint.host).interval),
        reading=reading(context.problems, entry, layered),
        enabled=entry.enabled,
        provider=entry.provider,
    )


def _patience(context: Context, entry: AccountEntry, layered: Layered, interval: float) -> RetryTimes:
    """`interval` is what the host bears; a poll interval of the defaults, which is for all, gives way."""
    if entry.poll < interval and "poll" in layered.own:
        sentence = f'"poll": the host of "source" bears a visit every {written(interval)} at most'
        layered.note(context.problems, "poll", sentence)
    return RetryTimes(max(entry.poll, interval), entry.timeout, entry.retries, entry.retry_delay, interval)


def _target(context: Context, entry: AccountEntry, layered: Layered, known: Collection[str]) -> str | None:
    if entry.target is None:
        layered.note(context.problems, "target", '"target" is missing')
        return None
    if entry.target not in known:
        resembling = difflib.get_close_matches(entry.target, known, n=1)
        hint = f'; did you mean "{quoted(resembling[0])}"?' if resembling else ""
        layered.note(context.problems, "target", f'"target": there is no target "{entry.target}"{hint}')
    return entry.target


def _server(context: Context, entry: AccountEntry, layered: Layered) -> tuple[Endpoint, Login] | None:
    if entry.source is None:
        layered.note(context.problems, "source", '"source" is missing')
        return None
    endpoint = servers.endpoint(context, entry, entry.source, layered.own, layered.where, Tls.REQUIRED)
    login = logins.login(context, entry, entry.source, layered)
    return None if login is None else (endpoint, login)
