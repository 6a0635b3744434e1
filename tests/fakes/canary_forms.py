"""Secrets that are looked for in bytes of any kind, in each form in which they could have been written."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from urllib.parse import quote


def forms_of(secret: str) -> list[bytes]:
    """The secret as it is, in hex, percent-encoded, in UTF-16, and in base64 at any place within a text."""
    raw = secret.encode()
    return [
        raw,
        raw.hex().encode(),
        quote(secret, safe="").encode(),
        secret.encode("utf-16-le"),
        *(_inner_base64(raw, before) for before in range(3)),
    ]


def found_in(places: Mapping[str, bytes], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Which secret is in which place."""
    return [
        (place, secret)
        for secret in secrets
        for place, content in places.items()
        if any(form in content for form in forms_of(secret))
    ]


def _inner_base64(raw: bytes, before: int) -> bytes:
    """What does not depend on what stands before and after, where `before` octets fill a group of three."""
    encoded = base64.b64encode(b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3))
    return encoded[4 * bool(before) : -4]
