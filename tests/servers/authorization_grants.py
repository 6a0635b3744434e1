"""What the private authorization server knows, and its grants as Authlib wants them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialDict

POST = ["client_secret_post", "none"]


@dataclass
class Client(ClientMixin):  # type: ignore[misc] # Authlib has no types
    """An app. Without a secret it is a public one."""

    client_id: str
    secret: str = ""
    key: Any = None
    flows: frozenset[str] | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith(("http://localhost", "http://127.0.0.1"))

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.secret) and client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return (method == "none") == (not self.secret)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return self.flows is None or grant_type in self.flows


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc] # Authlib has no types
    """An authorization code."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    user: str
    code_challenge: str
    code_challenge_method: str
    nonce: str | None = None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Token(TokenMixin):  # type: ignore[misc] # Authlib has no types
    """An access token with its refresh token. `from_refresh` is the one that it was got with."""

    client_id: str
    user: str
    scope: str
    access: str
    refresh: str | None
    ends: float
    revoked: bool = False
    refresh_revoked: bool = False
    replaces: Token | None = None

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() >= self.ends

    def is_revoked(self) -> bool:
        return self.revoked


@dataclass
class State:
    """All data. With `rotates`, a refresh token is replaced at each use; the old one is void once the new one
    was used, as the better providers do it.
    """

    mailbox: str = "bob@acme.test"
    lifetime: int = 3600
    rotates: bool = True
    declines: bool = False
    granted_scope: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    devices: dict[str, DeviceCredentialDict] = field(default_factory=dict)
    user_grants: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def keep(self, token: Token, used: Token | None) -> None:
        """Keep a token that was got with the refresh token of `used`, whose predecessor is void by that."""
        token.replaces = used
        self.tokens.append(token)
        if self.rotates and used is not None and used.replaces is not None:
            used.replaces.refresh_revoked = True

    def find(self, text: str) -> Token | None:
        return next((each for each in self.tokens if text in (each.access, each.refresh)), None)

    def by_refresh(self, text: str) -> Token | None:
        found = next((each for each in self.tokens if each.refresh == text), None)
        return None if found is None or found.refresh_revoked else found


class Grants(NamedTuple):
    """The grants and endpoints, as classes that Authlib makes an object of for each request."""

    code: type[Any]
    refresh: type[Any]
    device: type[Any]
    client: type[Any]
    bearer: type[Any]
    device_endpoint: type[Any]
    introspection: type[Any]
    revocation: type[Any]


def grants_of(state: State, url: Callable[[], str]) -> Grants:
    """The grants over `state`; `url` is the server's own address."""
    code, refresh = _with_owner(state)
    client, bearer = _without_owner(state, url)
    device, device_endpoint = _device(state, url)
    introspection, revocation = _endpoints(state)
    return Grants(code, refresh, device, client, bearer, device_endpoint, introspection, revocation)


def _with_owner(state: State) -> tuple[type[Any], type[Any]]:
    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = POST

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            state.codes[code] = Code(
                code,
                request.client.client_id,
                request.payload.redirect_uri,
                request.payload.scope,
                request.user,
                data.get("code_challenge"),
                data.get("code_challenge_method"),
                data.get("nonce"),
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            found = state.codes.get(code)
            return found if found and found.client_id == client.client_id else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del state.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    class Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = POST

        @property
        def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:  # noqa: N802 - Authlib's name
            return state.rotates

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            return state.by_refresh(refresh_token)

        def authenticate_user(self, refresh_token: Token) -> str:
            return refresh_token.user

        def revoke_old_credential(self, refresh_token: Token) -> None:
            """`State.keep` has done what is to be done."""

    return CodeGrant, Refresh


def _without_owner(state: State, url: Callable[[], str]) -> tuple[type[Any], type[Any]]:
    class ClientGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = POST

    class Bearer(JWTBearerGrant):  # type: ignore[misc]
        def resolve_issuer_client(self, issuer: str) -> Client | None:
            return state.clients.get(issuer)

        def resolve_client_public_key(self, client: Client) -> Any:
            return client.key

        def authenticate_user(self, subject: str) -> str | None:
            return subject if subject == state.mailbox else None

        def get_audiences(self) -> list[str]:
            return [f"{url()}/token"]

        def has_granted_permission(self, _client: Client, _user: str) -> bool:
            return True

    return ClientGrant, Bearer


def _device(state: State, url: Callable[[], str]) -> tuple[type[Any], type[Any]]:
    class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
        def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
            return state.devices.get(device_code)

        def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
            return state.user_grants.get(user_code)

        def should_slow_down(self, _credential: Any) -> bool:
            return False

    class DeviceEndpoint(DeviceAuthorizationEndpoint):  # type: ignore[misc]
        INTERVAL = 1

        def get_verification_uri(self) -> str:
            return f"{url()}/device"

        def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
            credential = DeviceCredentialDict(client_id=client_id, scope=scope, **data)
            credential["expires_at"] = time.time() + data["expires_in"]
            state.devices[data["device_code"]] = credential

    return DeviceGrant, DeviceEndpoint


def _endpoints(state: State) -> tuple[type[Any], type[Any]]:
    class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

        def check_permission(self, _token: Token, _client: Client, _request: Any) -> bool:
            return True

        def query_token(self, token_string: str, _hint: str | None) -> Token | None:
            return state.find(token_string)

        def introspect_token(self, token: Token) -> dict[str, Any]:
            active = not token.revoked and not token.is_expired()
            return {"active": active, "username": token.user, "scope": token.scope}

    class Revocation(RevocationEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = POST

        def query_token(self, token_string: str, _hint: str | None) -> Token | None:
            return state.find(token_string)

        def revoke_token(self, token: Token, _request: Any) -> None:
            token.revoked = token.refresh_revoked = True

    return Introspection, Revocation
