"""Whether what an owner consented to is what was asked for: the right mailbox, and the right to open it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from shared.model.errors import quoted
from shared.oauth.answers import Refreshed

_NO_RIGHTS = frozenset({"openid", "email", "profile", "offline_access"})
"""Scopes that say who somebody is, or for how long; servers leave them out of their answers."""


def missing_scopes(wanted: tuple[str, ...], granted: str | None) -> tuple[str, ...]:
    """Return the scopes that were asked for and not granted.

    A server that says nothing has granted all of them (RFC 6749, section 5.1).
    """
    if granted is None or not granted.strip():
        return ()
    given = {each.lower() for each in granted.replace(",", " ").split()}
    return tuple(
        each
        for each in wanted
        if each.lower() not in _NO_RIGHTS and not each.endswith("/.default") and each.lower() not in given
    )


def identities(id_token: str | None) -> frozenset[str]:
    """Return the names by which an ID token calls who signed in, in lower case; none where it has no names.

    The token came from the server itself by TLS, so its signature is not needed (OpenID Connect Core,
    section 3.1.3.7).
    """
    claims = _claims(id_token) if id_token else {}
    names = (claims.get(key) for key in ("email", "preferred_username", "upn"))
    return frozenset(each.lower() for each in names if isinstance(each, str) and "@" in each)


def objection(tokens: Refreshed, wanted: tuple[str, ...], username: str) -> str | None:
    """Return why a consent cannot be used for the mailbox of `username`, as a sentence; None if it can."""
    if missing := missing_scopes(wanted, tokens.scope):
        return (
            "The sign-in does not allow what the mailbox needs: "
            f"{quoted(', '.join(missing))} is missing. Sign in again and allow it; if there is nothing to "
            "allow, the app lacks that permission at the provider."
        )
    names = identities(tokens.id_token)
    expected = username.lower()
    if names and "@" in expected and expected not in names:
        return (
            f"{quoted(', '.join(sorted(names)))} signed in, but the mailbox is {quoted(username)}. Sign out "
            "in the browser, and sign in as the owner of the mailbox."
        )
    return None


def _claims(token: str) -> Mapping[str, Any]:
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
