"""Builds the accounts from [[accounts]], [defaults] and their providers."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from shared.config import logins, servers
from shared.config.account_keys import AccountKeys
from shared.config.context import Context
from shared.config.document import Document
from shared.config.mailboxes import routing
from shared.config.protocol_keys import unfit_sentences
from shared.config.providers import find_provider
from shared.config.settings import DEFAULT_KEYS, DEFAULTS, AccountSettings
from shared.config.targets import UsableTargets
from shared.config.urls import protocol_alone, protocol_of
from shared.model.account import Account, CustodyMode, Login, RetryTimes
from shared.model.duration import written
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import quoted
from shared.model.folders import FolderSettings
from shared.model.hosts import HostLimits
from shared.model.reading import Reading
from shared.model.setting import part
from shared.model.size import written_size


def build_accounts(
    context: Context,
    tables: list[dict[str, Any]],
    defaults: dict[str, Any],
    targets: UsableTargets,
    hosts: HostLimits,
    judged: Collection[str] | None = None,
) -> dict[str, Account]:
    """Return the valid accounts by id. Add problems for the others. `judged`: see `AccountKeys`."""
    accounts: dict[str, Account] = {}
    for index, table in enumerate(tables):
        account_keys = replace(account_keys_of(index, table, defaults), judged=judged)
        settings = context.validate(AccountSettings, account_keys.table(), account_keys.path_of)
        account = None if settings is None else _account(context, settings, account_keys, targets, hosts)
        if account is None:
            continue
        if account.id in accounts:
            account_keys.add_problem(
                context.problems, "name", '"name": the tenant has another account of this name'
            )
        accounts[account.id] = account
    return accounts


def account_settings(document: Document) -> Iterator[AccountSettings]:
    """Yield the settings of each account of a valid document, with those of its provider and the defaults."""
    defaults = document.data.get(DEFAULTS, {})
    for index, table in enumerate(document.data.get("accounts", ())):
        account_keys = account_keys_of(index, table, defaults)
        yield AccountSettings.model_validate(account_keys.table())


def account_keys_of(index: int, table: dict[str, Any], defaults: dict[str, Any]) -> AccountKeys:
    """Return the keys of the account at this place of the file, with those that it inherits."""
    return AccountKeys(index, table, defaults, _provided(table, defaults))


def checked_defaults(context: Context, table: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults without unknown keys. Add a problem for each wrong one, used or not."""
    for key in table.keys() - DEFAULT_KEYS:
        context.problems.add_unknown((DEFAULTS, key), "key", DEFAULT_KEYS)
    known = {key: value for key, value in table.items() if key in DEFAULT_KEYS}
    # A protocol alone becomes a URL by the provider of each account.
    checked = {key: value for key, value in known.items() if protocol_alone(value) is None or key != "source"}
    try:
        AccountSettings.model_validate(checked)
    except ValidationError as error:
        context.problems.add_invalid_present(lambda key: (DEFAULTS, *key), AccountSettings, error)
    return known


def _provided(table: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that the account's provider gives; none if the provider is not named or not known."""
    name = table.get("provider", defaults.get("provider"))
    provider = find_provider(name) if isinstance(name, str) else None
    source = table.get("source", protocol_alone(defaults.get("source")))
    return {} if provider is None else provider.account_keys(DEFAULT_KEYS, source)


def _account(
    context: Context,
    settings: AccountSettings,
    account_keys: AccountKeys,
    targets: UsableTargets,
    hosts: HostLimits,
) -> Account | None:
    """The account; None after a problem was noted. One wrong part does not hide the others."""
    target = _target(context, settings, account_keys, targets)
    recipients = routing(context, settings, account_keys)
    server = _server(context, settings, account_keys)
    if target is None or recipients is None or server is None or settings.source is None:
        return None
    protocol = protocol_of(settings.source.scheme)
    _check_protocol(context, account_keys, protocol)
    endpoint, login = server
    interval = hosts.of(endpoint.host).interval
    _check_limits(context, settings, account_keys)
    _check_begin(context, settings, account_keys, protocol)
    return Account(
        tenant=settings.tenant,
        name=settings.name,
        protocol=protocol,
        endpoint=endpoint,
        login=login,
        target=target,
        routing=recipients,
        begin=settings.begin,
        retention=settings.retention,
        custody=settings.custody,
        retry_times=_retry_times(context, settings, account_keys, interval),
        shortest_interval=interval,
        reading=part(Reading, settings),
        folders=part(FolderSettings, settings),
        watch=settings.watch,
        enabled=settings.enabled,
        provider=settings.provider,
    )


def _retry_times(
    context: Context, settings: AccountSettings, account_keys: AccountKeys, interval: float
) -> RetryTimes:
    """Return the times with a poll interval of at least the host's `interval`.

    A shorter one is a problem only among the account's own keys: that of the defaults is for all hosts.
    """
    if settings.poll.shortest < interval and "poll" in account_keys.meant:
        sentence = f'"poll": the host of "source" allows one visit every {written(interval)}'
        account_keys.add_problem(context.problems, "poll", sentence)
    times = part(RetryTimes, settings)
    return times.model_copy(update={"poll": settings.poll.at_least(interval)})


def _check_protocol(context: Context, account_keys: AccountKeys, protocol: str) -> None:
    """Add problems for keys that are for another protocol."""
    for key, sentence in unfit_sentences(account_keys.table(), protocol):
        account_keys.add_problem(context.problems, key, sentence)


def _check_begin(
    context: Context, settings: AccountSettings, account_keys: AccountKeys, protocol: str
) -> None:
    """Add a problem where the date of a mail can only be had by reading what reading may consume.

    POP3 tells a date by the header alone. A source that needs `spool` may hide or delete what TOP has read.
    """
    if protocol == "pop3" and settings.custody is CustodyMode.SPOOL and settings.begin.needs_date:
        sentence = (
            '"begin": with custody = "spool" no date can be given: to learn the date of a mail, its header '
            'is read, which the source may take for reading the mail; "now" works'
        )
        account_keys.add_problem(context.problems, "begin", sentence)


def _check_limits(context: Context, settings: AccountSettings, account_keys: AccountKeys) -> None:
    """Note limits that contradict each other."""
    limit = written_size(settings.mail_limit)
    if settings.session_limit < settings.mail_limit:
        sentence = f'"session_limit": must be at least mail_limit, which is {limit}'
        account_keys.add_problem(context.problems, "session_limit", sentence)
    if settings.max_size > settings.mail_limit:
        account_keys.add_problem(
            context.problems, "max_size", f'"max_size": must be at most mail_limit, which is {limit}'
        )


def _target(
    context: Context, settings: AccountSettings, account_keys: AccountKeys, targets: UsableTargets
) -> str | None:
    """The id of the account's target; its name after a problem was noted."""
    if settings.target is None:
        account_keys.add_problem(context.problems, "target", '"target" is missing')
        return None
    target = targets.find(settings.target, settings.tenant)
    if target is None:
        resembling = difflib.get_close_matches(settings.target, targets.names(settings.tenant), n=1)
        hint = f'; did you mean "{quoted(resembling[0])}"?' if resembling else ""
        account_keys.add_problem(
            context.problems, "target", f'"target": there is no target "{settings.target}"{hint}'
        )
    return target or settings.target


def _server(
    context: Context, settings: AccountSettings, account_keys: AccountKeys
) -> tuple[Endpoint, Login] | None:
    if settings.source is None:
        account_keys.add_problem(context.problems, "source", '"source" is missing')
        return None
    endpoint = servers.endpoint(
        context, settings, settings.source, account_keys.meant, account_keys.path_of, Tls.REQUIRED
    )
    login = logins.login(context, settings, settings.source, account_keys)
    return None if login is None else (endpoint, login)
