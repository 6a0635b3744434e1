"""How a delivery is signed, and when it is tried again (pure)."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_HEADER = "X-Mailferry-Signature"
RETRY_DELAYS = (10.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
"""Seconds between attempts: nearly eight hours together, so a receiver may be down for a night's half."""


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the value of the signature's header: the time, and HMAC-SHA-256 over time and body.

    A receiver that refuses times long ago cannot be sent an old delivery again.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def next_attempt(attempts: int, now: float) -> float | None:
    """Return when a delivery is tried again after so many attempts; None if it is given up."""
    return now + RETRY_DELAYS[attempts - 1] if attempts <= len(RETRY_DELAYS) else None
