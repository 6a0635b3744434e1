"""Codes of an authenticator app (TOTP, RFC 6238), as a second proof of who signs in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

KEY_OCTETS = 20
STEP = 30
DIGITS = 6
ISSUER = "Mailferry"
RECOVERY_CODES = 10


def code_step(key: bytes, code: str, now: float) -> int | None:
    """Return the time step of a right code; None for a wrong one.

    The step before and the one after count, too: clocks differ. A caller refuses a step that was used before.
    """
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    from cryptography.hazmat.primitives.twofactor import InvalidToken  # noqa: PLC0415 - rarely needed

    totp = _totp(key)
    for step in (int(now) // STEP + shift for shift in (0, -1, 1)):
        try:
            totp.verify(code.encode(), max(step, 0) * STEP)
        except InvalidToken:
            continue
        return step
    return None


def new_recovery_codes(entropy: Callable[[int], bytes]) -> list[str]:
    """Return new codes, each for one sign-in without the app: 80 random bits in groups of four letters."""
    made = (base64.b32encode(entropy(10)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(each[place : place + 4] for place in range(0, 16, 4)) for each in made]


def recovery_digest(code: str) -> str:
    """Return what is stored of a recovery code, however it was typed. It is too long to be guessed."""
    plain = "".join(code.lower().split()).replace("-", "")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def current_code(key: bytes, now: float) -> str:
    """Return the code that an app would show now."""
    return _totp(key).generate(int(now)).decode()


def key_uri(key: bytes, user: str) -> str:
    """Return the `otpauth:` URI that an app reads from a QR code."""
    secret = base64.b32encode(key).decode().rstrip("=")
    return f"otpauth://totp/{ISSUER}:{quote(user)}?secret={secret}&issuer={ISSUER}"


def _totp(key: bytes) -> TOTP:
    from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415 - rarely needed
    from cryptography.hazmat.primitives.twofactor.totp import TOTP  # noqa: PLC0415

    return TOTP(key, DIGITS, SHA1(), STEP, enforce_key_length=False)  # noqa: S303 - what apps speak
