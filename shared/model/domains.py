"""Which domains an account accepts mail for, and what they are translated to.

A rule is for one domain or, as `*.acme.com`, for all domains below it at any depth, but not for `acme.com`
itself. The most specific rule counts. A domain is kept or translated. Domains below `*.acme.com` are
translated to one domain or, with `*.acme.local`, each to its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.model.account import KEEP
from shared.model.address import DOMAIN_LIMIT

ANY_BELOW = "*."


def translation(domains: Mapping[str, str], domain: str) -> str | None:
    """Return what an accepted `domain` is translated to, perhaps itself; None if it is not accepted."""
    becomes = domains.get(domain)
    if becomes is not None:
        return domain if becomes == KEEP else becomes
    below, dot, parent = domain.partition(".")
    while dot:
        becomes = domains.get(ANY_BELOW + parent)
        if becomes is not None:
            return _below(domain, below, becomes)
        label, dot, parent = parent.partition(".")
        below += "." + label
    return None


def _below(domain: str, below: str, becomes: str) -> str | None:
    if becomes == KEEP:
        return domain
    if not becomes.startswith(ANY_BELOW):
        return becomes
    translated = below + becomes[1:]
    return translated if len(translated) <= DOMAIN_LIMIT else None
