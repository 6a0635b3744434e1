"""What `Tls.WANTED` puts up with: a server whose certificate is not trusted, and one without TLS.

A certificate that is not trusted is no reason to send in clear: the session is encrypted then, as Postfix'
`may` has it, and the server not verified. Python's `ssl` does not tell what is wrong with a certificate that
it was not to verify, so the first connection verifies, and a second one does without. Which servers need that
is remembered for a while, as else each session would cost two connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.model.endpoint import Endpoint

REMEMBERED = 3600.0
"""Seconds. So long a certificate that was mended may go on being called untrusted."""
MOST_REMEMBERED = 10_000


_NOT_VERIFIED = "the session is encrypted, but the server is not verified."


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a session lacks: to be `encrypted`, or, where it is, the server's proof of who it is. `sentence`
    is for the operator.
    """

    encrypted: bool
    sentence: str


def unverified(endpoint: Endpoint, reason: str) -> Shortfall:
    """The certificate is not trusted, for this reason."""
    return Shortfall(True, f"The certificate of {endpoint} is not trusted ({reason}): {_NOT_VERIFIED}")


def in_clear(endpoint: Endpoint, reason: str) -> Shortfall:
    """TLS is not offered, or its handshake failed, as `reason` says in a sentence."""
    return Shortfall(False, f"{reason} {_not_encrypted(endpoint)}")


def is_only_shortfall(problem: str, endpoint: Endpoint) -> bool:
    """Whether a visit's problem, as it is reported, is no more than this: everything was done."""
    return problem.endswith((_NOT_VERIFIED, _not_encrypted(endpoint))) and "; " not in problem


def _not_encrypted(endpoint: Endpoint) -> str:
    return f"The session with {endpoint} is not encrypted."


class UntrustedServers:
    """Servers whose certificate was found untrusted; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[Endpoint, tuple[float, str]] = {}

    def reason(self, endpoint: Endpoint) -> str | None:
        """Why its certificate was not trusted; None: it was, or it is time to look again."""
        until, reason = self._found.get(endpoint, (0.0, ""))
        return reason if self._clock() < until else None

    def note(self, endpoint: Endpoint, reason: str) -> None:
        """Its certificate was not trusted now."""
        if len(self._found) >= MOST_REMEMBERED:
            self._found.clear()
        self._found[endpoint] = (self._clock() + REMEMBERED, reason)


UNTRUSTED = UntrustedServers()
"""Those of this process."""
