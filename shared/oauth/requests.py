"""The requests of OAuth 2, as data: nothing is sent here. Authlib writes them.

RFC 6749 (code, client credentials, refresh), RFC 7636 (PKCE), RFC 8628 (device), RFC 7523 (JWT bearer),
RFC 7009 (revocation).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from shared.model.errors import quoted
from shared.model.oauth import Flow
from shared.oauth.app import OAuthApp
from shared.oauth.providers import Provider

FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION_LIFETIME = 3600
"""Seconds; the most that Google allows."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request by POST. `url` has no secret, and `body` does."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What begins at `url` in an owner's browser, and what proves that the answer belongs to it."""

    url: str
    redirect: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


class UnfitRedirect(ValueError):
    """The browser came back with something that is no answer to this sign-in. The text is a sentence."""


class SignInRefused(ValueError):
    """The provider refused the sign-in; `error` is its code, `description` its words."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error} {description}".strip())
        self.error, self.description = error, description


def sign_in(
    app: OAuthApp, provider: Provider, redirect: str, protocol: str, hint: str | None = None
) -> SignIn:
    """Return a new sign-in for the owner of a mailbox; `hint` is the user name that is expected."""
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - takes 0.07 s, and only who uses OAuth needs it
    from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - as above

    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    url = prepare_grant_uri(
        provider.authorization,
        app.client_id,
        "code",
        redirect_uri=redirect,
        scope=" ".join(app.wanted_scopes(provider, protocol)),
        state=state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        login_hint=hint,
        **provider.parameters,
    )
    return SignIn(cast(str, url), redirect, state, verifier)


def code_of(begun: SignIn, came_back: str) -> str:
    """Return the code from the URL that the browser was sent to.

    Raises `UnfitRedirect` where it does not belong to this sign-in, and `SignInRefused`.
    """
    parameters = dict(parse_qsl(urlsplit(came_back).query))
    if not {"state", "code", "error"} & parameters.keys():
        raise UnfitRedirect(
            "This is not the address to which a sign-in leads: it has no code in it; begin again."
        )
    if not secrets.compare_digest(parameters.get("state", "").encode(), begun.state.encode()):
        raise UnfitRedirect("The browser's answer belongs to another sign-in; begin again.")
    if error := parameters.get("error"):
        raise SignInRefused(quoted(error), quoted(parameters.get("error_description", "")))
    if not (code := parameters.get("code")):
        raise UnfitRedirect("The browser's answer has no code; begin again.")
    return code


def exchange(app: OAuthApp, provider: Provider, begun: SignIn, code: str) -> Request:
    """Return the request that turns a code into tokens."""
    return _token_request(
        app,
        provider,
        "authorization_code",
        redirect_uri=begun.redirect,
        code=code,
        code_verifier=begun.verifier,
    )


def device_authorization(app: OAuthApp, provider: Provider, protocol: str) -> Request:
    """Return the request for a device code. The provider has to have `device`."""
    from authlib.common.urls import add_params_to_qs  # noqa: PLC0415 - see `sign_in`

    if provider.device is None:
        raise ValueError(f"{provider.title} has no sign-in by device code")
    body = add_params_to_qs("", [("scope", " ".join(app.wanted_scopes(provider, protocol)))])
    return _authenticated(app, provider.device, body)


def device_poll(app: OAuthApp, provider: Provider, device_code: str) -> Request:
    """Return the request that asks whether the owner has entered the code."""
    return _token_request(app, provider, DEVICE_CODE, device_code=device_code)


def refresh(app: OAuthApp, provider: Provider, refresh_token: SecretStr) -> Request:
    """Return the request for a new access token by the owner's refresh token."""
    return _token_request(app, provider, "refresh_token", refresh_token=refresh_token.get_secret_value())


def own_token(app: OAuthApp, provider: Provider, username: str, now: float) -> Request:
    """Return the request of an app that needs no owner; `username` is the mailbox that it is for.

    `now`: seconds since the epoch, which a service account signs.
    """
    scope = " ".join(app.wanted_scopes(provider, ""))
    if app.flow is Flow.CLIENT_CREDENTIALS:
        return _token_request(app, provider, "client_credentials", scope=scope)
    key = app.service_account
    if key is None:
        raise ValueError(f"the app {app.name} has no service account")
    from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion  # noqa: PLC0415 - see `sign_in`
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - see `sign_in`

    assertion = sign_jwt_bearer_assertion(
        RSAKey.import_key(key.private_key.get_secret_value()),
        key.email,
        provider.token,
        subject=username,
        issued_at=int(now),
        expires_at=int(now) + ASSERTION_LIFETIME,
        claims={"scope": scope},
        header={"alg": "RS256", "kid": key.key_id},
    )
    return Request(provider.token, _headers(), _form("", JWT_BEARER, assertion=assertion))


def revocation(app: OAuthApp, provider: Provider, refresh_token: SecretStr) -> Request | None:
    """Return the request that makes a grant void; None where the provider takes none."""
    from authlib.common.urls import add_params_to_qs  # noqa: PLC0415 - see `sign_in`

    if provider.revocation is None:
        return None
    pairs = [("token", refresh_token.get_secret_value()), ("token_type_hint", "refresh_token")]
    return _authenticated(app, provider.revocation, add_params_to_qs("", pairs))


def _token_request(app: OAuthApp, provider: Provider, grant_type: str, **values: str) -> Request:
    return _authenticated(app, provider.token, _form("", grant_type, **values))


def _form(body: str, grant_type: str, **values: str) -> str:
    from authlib.oauth2.rfc6749.parameters import prepare_token_request  # noqa: PLC0415 - see `sign_in`

    return cast(str, prepare_token_request(grant_type, body, **values))


def _authenticated(app: OAuthApp, url: str, body: str) -> Request:
    """Add the app's id and secret, in the body: every provider takes them there, and not all in a header."""
    from authlib.oauth2.auth import ClientAuth  # noqa: PLC0415 - see `sign_in`

    secret = app.client_secret.get_secret_value() if app.client_secret else ""
    method = "client_secret_post" if secret else "none"
    auth: Any = ClientAuth(app.client_id, secret, method)
    url, headers, body = auth.prepare("POST", url, _headers(), body)
    return Request(url, headers, body)


def _headers() -> dict[str, str]:
    return {"Content-Type": FORM, "Accept": "application/json"}
