"""Sign-ins at an OAuth provider that begin in a browser, and come back to any control process.

What proves that an answer belongs to a sign-in, its state, is in the browser; the database has its digest.
The verifier (PKCE) is sealed. Each comes back once, within a quarter of an hour.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from shared.access.tokens import digest_of
from shared.model.oauth import GrantRef
from shared.model.sealed import SecretName
from shared.oauth.requests import SignIn, UnfitRedirect, sign_in
from shared.operations.context import OperatorContext
from shared.operations.oauth_connect import app_of
from shared.operations.oauth_context import OAuthContext
from shared.operations.public_urls import OAUTH_CALLBACK, public_url
from shared.ports.store import Authorization

LASTS = 900.0
"""Seconds for the owner, who may have to look for a second factor."""
KIND, VERIFIER = "authorization", "verifier"
ANOTHER = "The browser's answer belongs to no sign-in that was begun here, or it came too late; begin again."


class Begun(NamedTuple):
    """A sign-in whose browser came back: what it is for, and who began it."""

    purpose: str
    subject: str
    who: str
    sign_in: SignIn


@dataclass(frozen=True, slots=True)
class Authorizations:
    """Sign-ins that were begun in a browser."""

    context: OperatorContext

    async def begin(self, ref: GrantRef, purpose: str, subject: str, who: str) -> str:
        """Return the URL at which an owner signs in. Raises `SignInFailed`."""
        app, provider = await app_of(oauth_context(self.context), ref)
        redirect = public_url(self.context.configuration, OAUTH_CALLBACK)
        begun = sign_in(app, provider, redirect, ref.protocol, ref.username)
        await self.keep(begun, purpose, subject, who)
        return begun.url

    async def keep(self, begun: SignIn, purpose: str, subject: str, who: str) -> None:
        """Keep a sign-in until its browser comes back."""
        now, digest = self.context.clock.now(), digest_of(begun.state)
        sealed = self.context.registry.box.seal(SecretName(KIND, digest, VERIFIER), SecretStr(begun.verifier))
        await self.context.onboarding.add_authorization(
            Authorization(digest, purpose, subject, who, now, now + LASTS, sealed)
        )

    async def take(self, came_back: str) -> Begun:
        """Return the sign-in to which the URL that a browser was sent to belongs. Raises `UnfitRedirect`."""
        [state, *_] = parse_qs(urlsplit(came_back).query).get("state", [""])
        digest = digest_of(state)
        found = await self.context.onboarding.take_authorization(digest, self.context.clock.now())
        if found is None:
            raise UnfitRedirect(ANOTHER)
        verifier = self.context.registry.box.open(SecretName(KIND, digest, VERIFIER), found.sealed)
        redirect = public_url(self.context.configuration, OAUTH_CALLBACK)
        begun = SignIn("", redirect, state, verifier.get_secret_value())
        return Begun(found.purpose, found.subject, found.who, begun)


def oauth_context(context: OperatorContext) -> OAuthContext:
    """Return what operations on OAuth work with."""
    return OAuthContext(context.configuration, context.oauth, context.clock)


def new_id(now: float) -> str:
    """Return an id that is unique, and sorts by time."""
    return f"{int(now * 1000):012x}{secrets.token_hex(6)}"
