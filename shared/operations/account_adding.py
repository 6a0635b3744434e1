"""What adding an account does outside the wizard: search, login test, and saving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pydantic import SecretStr

from shared.autoconfig.candidate import IMAP
from shared.autoconfig.fetching import Web
from shared.autoconfig.network import Internet, Network
from shared.autoconfig.search import find_servers
from shared.config import Configuration, from_mapping
from shared.config.toml_values import toml_text
from shared.config.values import networks
from shared.model.account import Account, MailboxKind
from shared.model.address_policy import AddressPolicy
from shared.model.spec import Kind
from shared.operations.account_draft import Draft
from shared.operations.account_wizard import with_login, with_search
from shared.operations.context import open_context
from shared.operations.login_test import ShowLine
from shared.operations.mailboxes import OpenMailbox
from shared.operations.objects import Actor, objects_of
from shared.operations.objects.naming import first_ids, has_database
from shared.operations.source_login_test import try_source

MOST_TARGETS = 100
"""Targets that are offered."""
TRIAL = "trial"
_TRIAL_TARGET = {"name": TRIAL, "url": "smtp://localhost"}


class AccountRegistry(Protocol):
    """Where accounts are kept."""

    async def save_account(self, tenant: str, keys: Mapping[str, Any], password: SecretStr | None) -> None:
        """Save a new account durably, or nothing of it.

        `keys` are those of [[accounts]], without the password; which is None where it signs in by
        OAuth. Raises `MailferryError`, if the tenant has an account of this name, too.
        """
        ...


class RegisteredAccounts:
    """Saves accounts into the registry of an installation, with the password sealed."""

    def __init__(self, configuration: Configuration, actor: Actor) -> None:
        self._configuration = configuration
        self._actor = actor

    async def save_account(self, tenant: str, keys: Mapping[str, Any], password: SecretStr | None) -> None:
        """See `AccountRegistry`."""
        full = {**keys, "tenant": tenant} | ({} if password is None else {"password": password})
        async with open_context(self._configuration, seals=True) as context:
            await objects_of(context).add(Kind.ACCOUNT, full, self._actor)


class PrintedAccounts:
    """Saves nothing: it hands each account as TOML to `write`, for the configuration file.

    `password_file`: where the password is; None where the operator has yet to write it into a file. The
    password itself is never printed.
    """

    def __init__(self, write: Callable[[str], None], password_file: str | None) -> None:
        self._write = write
        self._password_file = password_file

    async def save_account(self, tenant: str, keys: Mapping[str, Any], password: SecretStr | None) -> None:
        """See `AccountRegistry`."""
        file = self._password_file or f"/etc/mailferry/{tenant}-{keys['name']}.password"
        self._write(account_toml({**keys, "password_file": None if password is None else file}))


def account_toml(keys: Mapping[str, Any]) -> str:
    """Return the keys of an account as its table in a configuration file."""
    lines = [f"{key} = {toml_text(value)}" for key, value in keys.items() if value is not None]
    return "\n".join(["[[accounts]]", *lines, ""])


async def usable_targets(configuration: Configuration) -> list[str]:
    """Return the targets that an account may have: those of the file, then the first of the registry."""
    names = dict.fromkeys(configuration.targets)
    if has_database(configuration):
        async with open_context(configuration) as context:
            names |= dict.fromkeys(await first_ids(Kind.TARGET, MOST_TARGETS, context))
    return [*dict.fromkeys(name.rpartition("/")[2] for name in names)]


async def usable_apps(configuration: Configuration) -> list[str]:
    """Return the OAuth apps that an account may have: those of the file, then those of the database."""
    names = dict.fromkeys(configuration.oauth_apps)
    if has_database(configuration):
        async with open_context(configuration) as context:
            names |= dict.fromkeys(await context.oauth.apps.known())
    return [*names]


async def search(draft: Draft, network: Network, protocol: str = IMAP) -> Draft:
    """Return the draft with the servers that were found for its address."""
    assert draft.address is not None
    findings = await find_servers(draft.address, network, protocol=protocol)
    return with_search(draft, findings.candidates, findings.problems)


async def try_login(
    draft: Draft, configuration: Configuration, open_mailbox: OpenMailbox, show: ShowLine | None = None
) -> Draft:
    """Return the draft with the result of a login.

    Raises `ConfigurationError` if no such account can be.
    """
    account = await asyncio.to_thread(trial_account, draft, configuration)
    return with_login(draft, await try_source(account, open_mailbox, show))


async def save(draft: Draft, registry: AccountRegistry) -> None:
    """Save the account of a finished draft."""
    assert draft.tenant is not None
    await registry.save_account(draft.tenant, draft.keys(), draft.password)


def trial_account(draft: Draft, configuration: Configuration) -> Account:
    """Return an account that has the draft's server and login, and the configuration's defaults.

    Raises `ConfigurationError`.
    """
    assert draft.password is not None
    document = configuration.document
    keys = {
        "name": TRIAL,
        "target": TRIAL,
        "mailbox": MailboxKind.SINGLE.value,
        "recipient": str(draft.address),
        **draft.server_keys(),
        "password": draft.password.get_secret_value(),
    }
    mapping = {
        "relay": {"helo_name": "trial.invalid"},
        "defaults": _server_defaults(configuration),
        "targets": [_TRIAL_TARGET],
        "accounts": [keys],
    }
    made = from_mapping(mapping, {}, document.base, "the new account")
    return next(iter(made.accounts.values()))


def network_of(configuration: Configuration, *, public_only: bool = False) -> Network:
    """Return the network, as far as the configuration's defaults allow accounts to use it.

    `public_only`: no private networks, as for people of a tenant that is not trusted.
    """
    defaults = configuration.document.data.get("defaults", {})
    denied = networks(defaults["deny_addresses"]) if "deny_addresses" in defaults else ()
    public_only = public_only or defaults.get("addresses") == "public"
    return Internet(Web(addresses=AddressPolicy(public_only, denied)))


_FOR_SERVERS = frozenset(
    {"tls", "tls_verify", "tls_pin", "ca_file", "addresses", "deny_addresses", "auth", "detect", "timeout"}
)


def _server_defaults(configuration: Configuration) -> dict[str, Any]:
    """Return those defaults that matter to a login."""
    defaults = configuration.document.data.get("defaults", {})
    return {key: value for key, value in defaults.items() if key in _FOR_SERVERS}
