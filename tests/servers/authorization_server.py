"""A private authorization server, built with Authlib, on loopback in a thread of this process.

It has the authorization code with PKCE, device codes, client credentials, JWT bearer, refresh with rotation,
revocation, introspection and discovery. Its data are in memory. `faults` are answers that are given in place
of the next ones of the token endpoint, `revocation_faults` those in place of the revocation endpoint's.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Self

from authlib.integrations.flask_oauth2 import AuthorizationServer as Endpoints
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from typing_extensions import override
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.servers.authorization_grants import Client, Grants, State, Token, grants_of
from tests.servers.ports import LOOPBACK

Fault = Callable[[], Response]


def answering(status: int, body: str, **headers: str) -> Fault:
    """A fault: an answer with this body."""
    return lambda: Response(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


@cache
def signing_key(name: str) -> RSAKey:
    """A key, made once: that takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": "key"})


class AuthorizationServer:
    """The server. `mailbox` of its state is who signs in next, and whose mailbox an app may open."""

    def __init__(self) -> None:
        self.state = State()
        self.faults: deque[Fault] = deque()
        self.token_requests: list[dict[str, str]] = []
        self.revocation_faults: deque[Fault] = deque()
        self.revocation_requests: list[dict[str, str]] = []
        self.most_at_once = 0
        self.signing_key = self.published_key = signing_key("key")
        self.before_answer: Callable[[], None] = lambda: None
        self._under_way = 0
        self._lock = threading.Lock()
        self._server = make_server(LOOPBACK, 0, self._application(), threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}"

    @property
    def discovery(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def approve(self, user_code: str, *, allowed: bool = True) -> None:
        """Answer a device code as the owner."""
        self.state.user_grants[user_code] = (self.state.mailbox, allowed)

    def revoke_all(self) -> None:
        """Make all tokens void, as an owner does who removes the app's access."""
        for token in self.state.tokens:
            token.revoked = token.refresh_revoked = True

    def expire_access(self) -> None:
        """Let all access tokens be over; refresh tokens stay."""
        for token in self.state.tokens:
            token.revoked = True

    def _application(self) -> Flask:
        app = Flask("authorization server")
        app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
        endpoints = Endpoints(app, query_client=self.state.clients.get, save_token=self._save)
        grants = grants_of(self.state, lambda: self.url)
        _register(endpoints, grants)
        app.add_url_rule("/authorize", view_func=lambda: self._authorize(endpoints))
        app.add_url_rule(
            "/token", view_func=lambda: self._token(endpoints), methods=["POST"], endpoint="token"
        )
        for name, answer in (
            ("device_authorization", endpoints.create_endpoint_response),
            ("introspection", endpoints.create_endpoint_response),
            ("revocation", partial(self._revocation, endpoints)),
        ):
            view = partial(answer, name)
            app.add_url_rule(f"/{name}", endpoint=name, view_func=view, methods=["GET", "POST"])
        keys = {"keys": [self.published_key.as_dict(private=False)]}
        app.add_url_rule("/keys", endpoint="keys", view_func=lambda: jsonify(keys))
        app.add_url_rule("/.well-known/openid-configuration", view_func=self._discovery)
        return app

    def _authorize(self, endpoints: Any) -> Any:
        if self.state.declines:
            target = f"{request.args['redirect_uri']}?error=access_denied&state={request.args['state']}"
            return Response("", 302, {"Location": target})
        grant = endpoints.get_consent_grant(end_user=self.state.mailbox)
        return endpoints.create_authorization_response(grant_user=self.state.mailbox, grant=grant)

    def _revocation(self, endpoints: Any, name: str) -> Any:
        with self._lock:
            self.revocation_requests.append(dict(request.form))
            fault = self.revocation_faults.popleft() if self.revocation_faults else None
        return fault() if fault is not None else endpoints.create_endpoint_response(name)

    def _token(self, endpoints: Any) -> Any:
        with self._lock:
            self.token_requests.append(dict(request.form))
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            fault = self.faults.popleft() if self.faults else None
        try:
            self.before_answer()
            return fault() if fault is not None else endpoints.create_token_response()
        finally:
            with self._lock:
                self._under_way -= 1

    def _save(self, token: dict[str, Any], given: Any) -> None:
        """Keep a token, and say in its answer how long it lives and who signed in."""
        user = given.user or self.state.mailbox
        token["expires_in"] = self.state.lifetime
        if self.state.granted_scope is not None:
            token["scope"] = self.state.granted_scope
        if "openid" in token.get("scope", ""):
            token["id_token"] = self._id_token(user, given)
        kept = Token(given.client.client_id, user, token.get("scope", ""), token["access_token"],
                     token.get("refresh_token"), time.time() + self.state.lifetime)  # fmt: skip
        self.state.keep(kept, getattr(given, "refresh_token", None))

    def _id_token(self, user: str, given: Any) -> str:
        """Who signed in, signed. `claims` of the state go before what is true."""
        now = int(time.time())
        code = getattr(given, "authorization_code", None)
        claims = {
            "iss": self.url,
            "sub": f"subject of {user}",
            "aud": given.client.client_id,
            "iat": now,
            "exp": now + 600,
            "email": user,
            "nonce": getattr(code, "nonce", None),
            **self.state.claims,
        }
        return str(jwt.encode({"alg": "RS256", "kid": "key"}, claims, self.signing_key))

    def _discovery(self) -> Any:
        return jsonify(
            issuer=self.url,
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            device_authorization_endpoint=f"{self.url}/device_authorization",
            revocation_endpoint=f"{self.url}/revocation",
            jwks_uri=f"{self.url}/keys",
        )


class _Quiet(WSGIRequestHandler):
    @override
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def _register(endpoints: Any, grants: Grants) -> None:
    endpoints.register_grant(grants.code, [CodeChallenge(required=True)])
    for grant in (grants.refresh, grants.device, grants.client, grants.bearer):
        endpoints.register_grant(grant)
    for endpoint in (grants.device_endpoint, grants.introspection, grants.revocation):
        endpoints.register_endpoint(endpoint)


__all__ = ["AuthorizationServer", "Client", "answering"]
