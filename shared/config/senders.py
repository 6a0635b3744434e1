"""The sender that an account's mail is delivered with, and the keys to rewrite it."""

from __future__ import annotations

from pydantic import SecretStr

from shared.config.context import Context
from shared.config.layers import Layered
from shared.config.settings import AccountSettings
from shared.model.address import Address
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import Srs

MISSING_KEY = 'the key is missing, which "srs" needs; give "srs_key", "srs_key_file" or "srs_key_env"'
SHORTEST_KEY = 8


def sender_rule(context: Context, settings: AccountSettings, layered: Layered) -> SenderRule | None:
    """Which reverse-path the account's mail gets; None after a problem was noted.

    The secret is one key or several with blanks between them, of which the first one signs. What only
    `srs` needs may stand with another sender, as it does when it is switched off for a while.
    """
    if isinstance(settings.sender, Address):
        return SenderRule(SenderKind.ADDRESS, address=settings.sender)
    if settings.sender is not SenderKind.SRS:
        return SenderRule(settings.sender)
    key = context.secret(settings, "srs_key", layered.where)
    given = any(getattr(settings, name) is not None for name in ("srs_key", "srs_key_file", "srs_key_env"))
    if key is None and not given:
        layered.note(context.problems, "srs_key", MISSING_KEY)
    keys = key.get_secret_value().split() if key is not None else []
    if key is not None and (not keys or min(map(len, keys)) < SHORTEST_KEY):
        layered.note(context.problems, "srs_key", f"an SRS key has at least {SHORTEST_KEY} characters")
    if settings.srs_domain is None:
        layered.note(context.problems, "srs_domain", '"srs_domain" is missing, which "srs" needs')
    if key is None or settings.srs_domain is None:
        return None
    return SenderRule(SenderKind.SRS, srs=Srs(settings.srs_domain, tuple([SecretStr(each) for each in keys])))
