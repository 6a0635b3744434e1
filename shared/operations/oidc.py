"""People sign in at an identity provider (OpenID Connect): authorization code with PKCE, state and nonce.

Groups of the provider give role and tenant, anew at each sign-in. Somebody whose name a person has who signs
in otherwise is refused: names at the provider may be of its users' choice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.access import Role
from shared.config.settings import OidcSettings
from shared.model.errors import Fault, MailferryError, quoted
from shared.oauth.answers import Refreshed, meaning, refused_sign_in
from shared.oauth.app import OAuthApp
from shared.oauth.id_tokens import IdentityRefused, verified_claims
from shared.oauth.providers import Provider, UnfitDiscovery, discovered, is_safe_url
from shared.oauth.requests import SignIn, SignInRefused, UnfitRedirect, code_of, exchange, sign_in
from shared.operations.context import OperatorContext
from shared.operations.oauth_authorizing import Authorizations, Begun
from shared.operations.people import Doer, SignedIn, SignIns, record
from shared.operations.public_urls import OAUTH_CALLBACK, public_url
from shared.ports.store import User
from shared.runtime.oauth.http import Unreachable

FOR_SIGN_IN = "oidc"
DOCUMENT = "/.well-known/openid-configuration"
LONGEST_NAME = 128


class OidcRefused(MailferryError):
    """Nobody is signed in; the sentence says why."""

    temporary = False
    fault = Fault.OPERATOR


class ProviderAway(MailferryError):
    """The identity provider cannot be asked now."""

    fault = Fault.OPERATOR


@dataclass(frozen=True, slots=True)
class OidcSignIns:
    """Signing in at the provider of the configuration."""

    context: OperatorContext
    sign_ins: SignIns

    @property
    def settings(self) -> OidcSettings:
        """The section [oidc]."""
        return self.context.configuration.oidc

    async def begin(self) -> SignIn:
        """Return where a browser goes, and the state that it has to keep. Raises `OidcRefused`."""
        app, provider, _ = await self._provider()
        nonce = secrets.token_urlsafe(32)
        with_nonce = replace(provider, parameters={"nonce": nonce})
        redirect = public_url(self.context.configuration, OAUTH_CALLBACK)
        begun = sign_in(app, with_nonce, redirect, "")
        await Authorizations(self.context).keep(begun, FOR_SIGN_IN, nonce, "")
        return begun

    async def finish(self, begun: Begun, came_back: str, kept_state: str, address: str) -> SignedIn:
        """Return the session of who signed in. `kept_state` is what the browser kept since `begin`.

        Raises `OidcRefused` and `ProviderAway`.
        """
        if not secrets.compare_digest(kept_state.encode(), begun.sign_in.state.encode()):
            raise OidcRefused("This sign-in was begun in another browser; begin again.")
        try:
            code = code_of(begun.sign_in, came_back)
        except UnfitRedirect as error:
            raise OidcRefused(str(error)) from error
        except SignInRefused as error:
            refused = refused_sign_in(error.error, error.description)
            assert not isinstance(refused, Refreshed), "the provider refused"
            raise OidcRefused(refused.sentence) from error
        claims = await self._claims(begun, code)
        user = await self._user(claims, address)
        return await self.sign_ins.begin(user, address)

    async def _claims(self, begun: Begun, code: str) -> Mapping[str, Any]:
        app, provider, document = await self._provider()
        http = self.context.oauth.http
        try:
            found = meaning(await http.post(exchange(app, provider, begun.sign_in, code)))
            keys = await http.document(_keys_url(document))
        except Unreachable as error:
            raise _away(str(error)) from error
        if not isinstance(found, Refreshed):
            raise OidcRefused(found.sentence)
        issuer, now = str(document["issuer"]), self.context.clock.now()
        try:
            return verified_claims(found.id_token, keys, issuer, app.client_id, begun.subject, now)
        except IdentityRefused as error:
            raise OidcRefused(str(error)) from error

    async def _user(self, claims: Mapping[str, Any], address: str) -> User:
        """Return the person, with the role that its groups give now; a new one is added."""
        name, subject = self._name(claims), f"{claims['iss']} {claims['sub']}"
        role, tenant = self._role(claims, name)
        access, now = self.context.access, self.context.clock.now()
        known = await access.user(name)
        if known is None:
            known = User(name, role, tenant, frozenset(), now, revision=0, subject=subject)
            action = "member.add"
        elif known.subject != subject:
            raise OidcRefused(f"There is another person called {quoted(name)}, who signs in otherwise.")
        elif not known.enabled:
            raise OidcRefused(f"{quoted(name)} may not sign in any more.")
        elif (known.role, known.tenant) == (role, tenant):
            return known
        else:
            action = "member.change"
        changed = replace(known, role=role, tenant=tenant, accounts=frozenset())
        if not await access.save_user(changed, known.revision):
            raise OidcRefused("Somebody else is changing this person; sign in again.")
        after = {"role": role.value, "tenant": tenant}
        await record(self.context, Doer("oidc", address), action, name, tenant, after=after)
        return replace(changed, revision=known.revision + 1)

    def _name(self, claims: Mapping[str, Any]) -> str:
        claim = self.settings.name_claim
        name = claims.get(claim)
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
            raise OidcRefused(f'The provider tells no "{claim}" of who signed in; see [oidc] name_claim.')
        if claim == "email" and claims.get("email_verified") is False:
            raise OidcRefused(f"The provider has not verified the address {quoted(name)}.")
        return name.lower()

    def _role(self, claims: Mapping[str, Any], name: str) -> tuple[Role, str | None]:
        found = claims.get(self.settings.groups_claim)
        groups: Sequence[object] = found if isinstance(found, list) else [found]
        for group, given in self.settings.groups.items():
            if group in groups:
                role, _, tenant = given.partition("@")
                return Role(role), tenant or None
        raise OidcRefused(f"{quoted(name)} is in no group that [oidc] gives a role; ask an operator.")

    async def _provider(self) -> tuple[OAuthApp, Provider, Mapping[str, Any]]:
        """The client, the provider, and its document. Raises `OidcRefused` and `ProviderAway`."""
        settings = self.settings
        if settings.issuer is None or settings.client_id is None:
            raise OidcRefused("Nobody can sign in this way here: [oidc] names no provider.")
        url = settings.issuer.rstrip("/") + DOCUMENT
        try:
            document = await self.context.oauth.http.document(url)
            provider = discovered(document, url)
        except Unreachable as error:
            raise _away(str(error)) from error
        except UnfitDiscovery as error:
            raise OidcRefused(str(error)) from error
        if document["issuer"].rstrip("/") != settings.issuer.rstrip("/"):
            issuer = quoted(document["issuer"])
            raise OidcRefused(f"{url} speaks for {issuer}, which is not the issuer that [oidc] names.")
        app = OAuthApp(
            "oidc",
            settings.client_id,
            provider,
            client_secret=settings.client_secret,
            scopes=settings.scopes,
        )
        return app, provider, document


def _keys_url(document: Mapping[str, Any]) -> str:
    url = document.get("jwks_uri")
    if not isinstance(url, str) or not is_safe_url(url):
        raise OidcRefused("The provider's document names no address of its keys (jwks_uri).")
    return url


def _away(clause: str) -> ProviderAway:
    return ProviderAway(f"The identity provider cannot be asked: {clause}. Try again in a moment.")
