"""The addresses of the control service, as people and providers reach it."""

from __future__ import annotations

from shared.config import Configuration

SIGN_IN = "/sign-in#"
CONNECT = "/connect#"
"""What follows `#` stays in the browser, so the secret gets into no log of a proxy."""
OAUTH_CALLBACK = "/oauth/callback"
"""Where providers send a browser back after a sign-in; each app has to have it among its redirect URIs."""

OIDC_SIGN_IN = "/oauth/sign-in"
"""Where a browser begins to sign in at the identity provider."""


def public_url(configuration: Configuration, path: str) -> str:
    """Return the URL of a path: below `[control] url`, or where the service listens."""
    base = configuration.control.url or f"http://{configuration.control.listen}"
    return base.rstrip("/") + path
