"""Senders as SRS rewrites them, and back, by the keys of the configuration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import SecretStr

from shared.config import Configuration
from shared.model.account import Account
from shared.model.address import Address
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.spec import Kind
from shared.model.srs import NotRewritable, Srs
from shared.operations.context import open_context
from shared.operations.objects.naming import has_database, with_registry

PAGE = 500
"""Accounts of one query."""


class SrsFailed(MailferryError):
    """The sender cannot be rewritten, or not be read back."""

    temporary = False
    fault = Fault.OPERATOR


async def reverse_sender(configuration: Configuration, rewritten: Address, now: float) -> Address:
    """Return the sender that `rewritten` (SRS0=...) was made from. Raises `SrsFailed`.

    The accounts of the file are looked at first, then those of the registry.
    """
    domain = rewritten.domain
    keys = _keys(configuration.accounts.values(), domain)
    if not keys:
        keys = await _keys_of_registry(configuration, domain)
    if not keys:
        raise SrsFailed(f'no account has srs_domain = "{quoted(rewritten.domain)}"')
    try:
        return Srs(rewritten.domain, keys).reverse(rewritten, now)
    except NotRewritable as reason:
        raise SrsFailed(f"{quoted(str(rewritten))} cannot be reversed: {reason}") from None


async def rewritten_sender(
    configuration: Configuration, account: str, sender: Address, now: float
) -> Address:
    """Return the sender with which an account would deliver a mail from `sender`. Raises `SrsFailed`."""
    configuration = await with_registry(configuration, [account])
    srs = configuration.accounts[account].routing.sender.srs
    if srs is None:
        raise SrsFailed(f'{account} does not have sender = "srs"')
    try:
        return srs.forward(sender, now)
    except NotRewritable as reason:
        raise SrsFailed(f"{quoted(str(sender))} cannot be rewritten: {reason}") from None


async def _keys_of_registry(configuration: Configuration, domain: str) -> tuple[SecretStr, ...]:
    """The keys of accounts of the registry; they are read page by page, and none is kept that has none."""
    after = ""
    keys: dict[SecretStr, None] = {}
    if not has_database(configuration):
        return ()
    async with open_context(configuration) as context:
        registry = context.registry
        while page := await registry.store.list_specs(Kind.ACCOUNT, after, PAGE):
            after = page[-1].id
            named = [each.id for each in page if "srs_domain" in each.keys]
            await registry.load(named)
            accounts = (registry.accounts[name] for name in named if name in registry.accounts)
            keys |= dict.fromkeys(_keys(accounts, domain))
    return tuple(keys)


def _keys(accounts: Iterable[Account], domain: str) -> tuple[SecretStr, ...]:
    """The keys of those accounts that rewrite to this domain."""
    rules = [account.routing.sender.srs for account in accounts]
    return tuple(key for srs in rules if srs is not None and srs.domain == domain for key in srs.keys)
