"""Senders as SRS rewrites them, and back, by the keys of the configuration."""

from __future__ import annotations

from pydantic import SecretStr

from shared.config import Configuration
from shared.model.address import Address
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.srs import NotRewritable, Srs


class SrsFailed(MailferryError):
    """The sender cannot be rewritten, or not be read back."""

    temporary = False
    fault = Fault.OPERATOR


def reverse_sender(configuration: Configuration, rewritten: Address, now: float) -> Address:
    """Return the sender that `rewritten` (SRS0=...) was made from. Raises `SrsFailed`."""
    keys = _keys(configuration, rewritten.domain)
    if not keys:
        raise SrsFailed(f'no account has srs_domain = "{quoted(rewritten.domain)}"')
    try:
        return Srs(rewritten.domain, keys).reverse(rewritten, now)
    except NotRewritable as reason:
        raise SrsFailed(f"{quoted(str(rewritten))} cannot be reversed: {reason}") from None


def rewritten_sender(configuration: Configuration, account: str, sender: Address, now: float) -> Address:
    """Return the sender with which an account would deliver a mail from `sender`. Raises `SrsFailed`."""
    srs = configuration.accounts[account].routing.sender.srs
    if srs is None:
        raise SrsFailed(f'{account} does not have sender = "srs"')
    try:
        return srs.forward(sender, now)
    except NotRewritable as reason:
        raise SrsFailed(f"{quoted(str(sender))} cannot be rewritten: {reason}") from None


def _keys(configuration: Configuration, domain: str) -> tuple[SecretStr, ...]:
    """The keys of all accounts that rewrite to this domain."""
    rules = [account.routing.sender.srs for account in configuration.accounts.values()]
    return tuple(key for srs in rules if srs is not None and srs.domain == domain for key in srs.keys)
