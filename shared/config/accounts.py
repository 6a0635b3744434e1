"""[[accounts]], each upon [defaults], to the accounts that mail is fetched from."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError

from shared.config import logins, servers
from shared.config.context import Context
from shared.config.document import Document
from shared.config.layers import Layered
from shared.config.mailboxes import routing
from shared.config.providers import find_provider, protocol_of
from shared.config.settings import DEFAULT_KEYS, DEFAULTS, AccountSettings
from shared.model.account import Account, Login, RetryTimes
from shared.model.duration import written
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import quoted
from shared.model.hosts import HostLimits
from shared.model.reading import Reading
from shared.model.setting import part
from shared.model.size import written_size


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
        settings = context.validated(AccountSettings, layered.table(), layered.where)
        account = None if settings is None else _account(context, settings, layered, target_names, hosts)
        if account is None:
            continue
        if account.id in accounts:
            layered.note(context.problems, "name", '"name": the tenant has another account of this name')
        accounts[account.id] = account
    return accounts


def account_settings(document: Document) -> Iterator[AccountSettings]:
    """The settings of each account of a valid document, with those of its provider and the defaults."""
    defaults = document.data.get(DEFAULTS, {})
    for index, table in enumerate(document.data.get("accounts", ())):
        layered = Layered(index, table, defaults, _provided(table, defaults))
        yield AccountSettings.model_validate(layered.table())


def checked_defaults(context: Context, table: dict[str, Any]) -> dict[str, Any]:
    """The defaults without unknown keys, after noting what is wrong in them even where no account uses it."""
    for key in table.keys() - DEFAULT_KEYS:
        context.problems.add_unknown((DEFAULTS, key), "key", DEFAULT_KEYS)
    known = {key: value for key, value in table.items() if key in DEFAULT_KEYS}
    try:
        AccountSettings.model_validate(known)
    except ValidationError as error:
        context.problems.add_invalid_present(lambda key: (DEFAULTS, *key), AccountSettings, error)
    return known


def _provided(table: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The keys that the provider of an account gives; none where it is not named or not known."""
    name = table.get("provider", defaults.get("provider"))
    provider = find_provider(name) if isinstance(name, str) else None
    source = table.get("source", defaults.get("source"))
    return {} if provider is None else provider.account_keys(DEFAULT_KEYS, source)


def _account(
    context: Context,
    settings: AccountSettings,
    layered: Layered,
    target_names: Collection[str],
    hosts: HostLimits,
) -> Account | None:
    """The account; None after a problem was noted. One wrong part does not hide the others."""
    target = _target(context, settings, layered, target_names)
    recipients = routing(context, settings, layered)
    server = _server(context, settings, layered)
    if target is None or recipients is None or server is None or settings.source is None:
        return None
    protocol = protocol_of(settings.source.scheme)
    _check_protocol(context, settings, layered, protocol)
    endpoint, login = server
    interval = hosts.of(endpoint.host).interval
    _check_limits(context, settings, layered)
    return Account(
        tenant=settings.tenant,
        name=settings.name,
        protocol=protocol,
        endpoint=endpoint,
        login=login,
        target=target,
        routing=recipients,
        retention=settings.retention,
        custody=settings.custody,
        retry_times=_retry_times(context, settings, layered, interval),
        shortest_interval=interval,
        reading=part(Reading, settings),
        enabled=settings.enabled,
        provider=settings.provider,
    )


def _retry_times(
    context: Context, settings: AccountSettings, layered: Layered, interval: float
) -> RetryTimes:
    """`interval` is what the host bears; a poll interval of the defaults, which is for all, gives way."""
    if settings.poll < interval and "poll" in layered.own:
        sentence = f'"poll": the host of "source" bears a visit every {written(interval)} at most'
        layered.note(context.problems, "poll", sentence)
    times = part(RetryTimes, settings)
    return times.model_copy(update={"poll": max(settings.poll, interval)})


def _check_protocol(context: Context, settings: AccountSettings, layered: Layered, protocol: str) -> None:
    """Note keys of the account itself that only POP3 has; in [defaults] they are meant for others."""
    if protocol == "pop3":
        return
    if settings.use_top and "use_top" in layered.own:
        layered.note(context.problems, "use_top", f'"use_top": {protocol} has no TOP; only POP3 has')
    if "detect" in layered.own and "banner" in settings.detect:
        sentence = f'"detect": the banner of {protocol} tells nothing; only that of POP3 does'
        layered.note(context.problems, "detect", sentence)


def _check_limits(context: Context, settings: AccountSettings, layered: Layered) -> None:
    """Note limits that contradict each other."""
    limit = written_size(settings.mail_limit)
    if settings.session_limit < settings.mail_limit:
        sentence = f'"session_limit": must be at least mail_limit, which is {limit}'
        layered.note(context.problems, "session_limit", sentence)
    if settings.max_size > settings.mail_limit:
        layered.note(
            context.problems, "max_size", f'"max_size": must be at most mail_limit, which is {limit}'
        )


def _target(
    context: Context, settings: AccountSettings, layered: Layered, known: Collection[str]
) -> str | None:
    if settings.target is None:
        layered.note(context.problems, "target", '"target" is missing')
        return None
    if settings.target not in known:
        resembling = difflib.get_close_matches(settings.target, known, n=1)
        hint = f'; did you mean "{quoted(resembling[0])}"?' if resembling else ""
        layered.note(context.problems, "target", f'"target": there is no target "{settings.target}"{hint}')
    return settings.target


def _server(context: Context, settings: AccountSettings, layered: Layered) -> tuple[Endpoint, Login] | None:
    if settings.source is None:
        layered.note(context.problems, "source", '"source" is missing')
        return None
    endpoint = servers.endpoint(context, settings, settings.source, layered.own, layered.where, Tls.REQUIRED)
    login = logins.login(context, settings, settings.source, layered)
    return None if login is None else (endpoint, login)
