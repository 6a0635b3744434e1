"""The account that is being connected: one of the registry, or one that is still to be added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from shared.config.object_keys import absolute, account_from, with_defaults
from shared.model.account import Account
from shared.model.oauth import Flow, GrantRef
from shared.model.spec import Kind, Manager
from shared.operations.connecting.errors import ConnectRefused
from shared.operations.oauth_connect import app_of
from shared.operations.oauth_context import OAuthContext
from shared.operations.objects import Actor, Objects
from shared.ports.store import ConnectLink, SpecChange

UNKNOWN = "unknown"
"""Stands for the password in checks."""


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The accounts of links, with what their owners give."""

    objects: Objects

    async def with_password(self, link: ConnectLink, password: str = UNKNOWN) -> Account:
        """Return the account with this password. Raises `NotThere`, `ManagedByFile` and `InvalidObject`."""
        return await self._account(link, {"password": password})

    async def with_grant(self, link: ConnectLink) -> Account:
        """Return the account that logs in by OAuth. Raises what `with_password` does."""
        return await self._account(link, {})

    async def change(self, link: ConnectLink, given: Mapping[str, Any]) -> SpecChange | None:
        """Return what the registry has to write, None for nothing; `given` is what the owner gives.

        Raises what `with_password` does, and `AlreadyThere` and `AccountsExhausted`.
        """
        if link.keys is not None:
            return await self.objects.prepare_addition(Kind.ACCOUNT, {**link.keys, **given}, _actor(link))
        if not given:
            return None
        return await self.objects.prepare_change(Kind.ACCOUNT, link.account, given, _actor(link))

    async def by_oauth(self, link: ConnectLink) -> bool:
        """Return whether the owner signs in at the provider. Raises `NotThere`."""
        keys = link.keys
        if keys is None:
            keys = (await self.objects.show(Kind.ACCOUNT, link.account)).keys
        return keys.get("oauth_app") is not None

    async def _account(self, link: ConnectLink, given: Mapping[str, Any]) -> Account:
        objects = self.objects
        if link.keys is not None:
            inherited = absolute(objects.defaults, objects.base)
            keys = with_defaults({**link.keys, **given}, inherited, trusted=False)
            return account_from(keys, objects.surroundings, link.keys)
        _, written = await objects.written_change(Kind.ACCOUNT, link.account, given, _actor(link))
        secrets = {field: secret for field, secret in written.secrets.items() if secret is not None}
        return account_from({**written.keys, **secrets}, objects.surroundings, given)


def grant_of(account: Account) -> GrantRef:
    """Return the grant of an account. Raises `ConnectRefused`."""
    if account.grant is None:
        raise ConnectRefused(f'{account.id} does not log in by OAuth: give it auth = "oauth" and "oauth_app"')
    return account.grant


async def check_app(context: OAuthContext, account: Account) -> str:
    """Return who the owner signs in with. Raises `ConnectRefused` and `SignInFailed`."""
    app, provider = await app_of(context, grant_of(account))
    if app.flow is not Flow.USER:
        raise ConnectRefused(f"the app {app.name} opens mailboxes by itself; nobody has to sign in")
    return provider.title


def with_token(account: Account, token: SecretStr) -> Account:
    """Return the account as it logs in with a token that is not stored yet."""
    return replace(account, login=replace(account.login, token=token, oauth_app=None))


def _actor(link: ConnectLink) -> Actor:
    return Actor(Manager.API, link.created_by)
