"""Which domains an account accepts mail for, and what becomes of them.

A rule is for one domain, or, as `*.acme.com`, for all below it at any depth, not for `acme.com` itself. The
most specific rule counts. A domain is kept, or translated; below `*.acme.com` either to one domain, or, as
`*.acme.local`, each to its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.model.account import KEEP
from shared.model.address import DOMAIN_LIMIT

ANY_BELOW = "*."


def translation(domains: Mapping[str, str], domain: str) -> str | None:
    """What an accepted `domain` becomes, which may be itself; None where it is not accepted."""
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
