"""Secrets that we give out: API tokens, sessions, sign-in links, CSRF tokens. Only their digests are stored.

A secret is 256 random bits, so a plain SHA-256 is enough: there is nothing to guess, and a look-up by digest
takes the same time whatever was sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

OCTETS = 32
TOKEN_MARK = "mf_"  # noqa: S105 - the beginning by which people and secret scanners know a token
SHOWN = 8
"""Characters of a token that lists show, so that people know which one it is. They leave 200 bits unknown."""
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")

Entropy = Callable[[int], bytes]


class Minted(NamedTuple):
    """A new secret, what is stored of it, and the beginning that may be shown."""

    secret: str
    digest: str
    prefix: str


def mint(entropy: Entropy, mark: str = "") -> Minted:
    """Return a new secret that begins with `mark`."""
    text = mark + base64.urlsafe_b64encode(entropy(OCTETS)).decode("ascii").rstrip("=")
    return Minted(text, digest_of(text), text[: len(mark) + SHOWN])


def is_well_formed(secret: str, mark: str = "") -> bool:
    """Return whether `secret` looks like one of ours, so that anything else costs no query."""
    return secret.startswith(mark) and _FORM.fullmatch(secret[len(mark) :]) is not None


def digest_of(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_token(session: str) -> str:
    """Return the CSRF token of a session: derived from its secret, which no other site can read."""
    return hmac.new(session.encode(), b"mailferry csrf", hashlib.sha256).hexdigest()


def is_csrf_token(session: str, token: str) -> bool:
    """Return whether `token` is that of the session."""
    return hmac.compare_digest(csrf_token(session), token.encode("ascii", "replace").decode("ascii"))
