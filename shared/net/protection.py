"""What a session with `Tls.WANTED` may lack: a server with a trusted certificate, or TLS at all.

With a certificate that is not trusted the session is encrypted, as with Postfix' `may`, but the server is not
verified. Python's `ssl` does not say what is wrong with a certificate that it does not verify. So the first
connection verifies, and a second one does not. Such servers are remembered for a while, as otherwise each
session would cost two connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.model.endpoint import Endpoint

REMEMBERED = 3600.0
"""Seconds for which a renewed certificate may still be reported as untrusted."""
MOST_REMEMBERED = 10_000


_NOT_VERIFIED = "the session is encrypted, but the server is not verified."


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a session lacks: encryption, or, where it is `encrypted`, the verification of the server.

    `sentence` is for the operator.
    """

    encrypted: bool
    sentence: str


def unverified(endpoint: Endpoint, reason: str) -> Shortfall:
    """Return the shortfall of a certificate that is not trusted, for this reason."""
    return Shortfall(True, f"The certificate of {endpoint} is not trusted ({reason}): {_NOT_VERIFIED}")


def in_clear(endpoint: Endpoint, reason: str) -> Shortfall:
    """Return the shortfall of a session without TLS; `reason` is a sentence."""
    return Shortfall(False, f"{reason} {_not_encrypted(endpoint)}")


def is_only_shortfall(problem: str, endpoint: Endpoint) -> bool:
    """Return whether a visit's problem is only a shortfall, so that everything else was done."""
    return problem.endswith((_NOT_VERIFIED, _not_encrypted(endpoint))) and "; " not in problem


def _not_encrypted(endpoint: Endpoint) -> str:
    return f"The session with {endpoint} is not encrypted."


class UntrustedServers:
    """Servers whose certificate was not trusted; `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[Endpoint, tuple[float, str]] = {}

    def reason(self, endpoint: Endpoint) -> str | None:
        """Return why the certificate was not trusted; None: it was, or it is to be verified again."""
        until, reason = self._found.get(endpoint, (0.0, ""))
        return reason if self._clock() < until else None

    def note(self, endpoint: Endpoint, reason: str) -> None:
        """Remember that the certificate was not trusted."""
        if len(self._found) >= MOST_REMEMBERED:
            self._found.clear()
        self._found[endpoint] = (self._clock() + REMEMBERED, reason)


UNTRUSTED = UntrustedServers()
"""The untrusted servers of this process."""
