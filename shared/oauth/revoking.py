"""What a provider's answer to the revocation of a grant means (RFC 7009), and when it is told again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.backoff import Backoff
from shared.oauth.answers import Answer, RetryLater, told_error

VOID = frozenset({"invalid_token", "invalid_grant", "invalid_code", "token_expired", "token_revoked"})
"""The provider does not know the token any more, which is what was wanted. RFC 7009 wants 200 for that, but
Google answers 400 with `invalid_token`, and Zoho 200 with `invalid_code`.
"""
RETRY = Backoff(60.0, 6 * 3600.0, spread=0.3)
"""Seconds between two attempts: nobody waits for it, and an outage takes hours."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The grant is void at the provider."""


def revocation_meaning(answer: Answer) -> Revoked | RetryLater:
    """Return what the answer means. All but a clear yes is tried again: whoever is told twice has no harm."""
    code, shown = told_error(answer.body)
    if code in VOID:
        return Revoked()
    if 200 <= answer.status < 300 and not code:
        return Revoked()
    return RetryLater(f"the provider answered {answer.status}{shown}", answer.retry_after, code)


def retry_revocation_at(after: float | None, failures: int, now: float, chance: float) -> float:
    """Return when the provider is told again after `failures` failures before; `after`: what it asks for."""
    pause = RETRY.pause(failures, chance)
    return now + (pause if after is None else max(pause, min(after, 86400.0)))
