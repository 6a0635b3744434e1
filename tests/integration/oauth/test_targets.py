"""The relay logs in to a real Postfix by a token, about which a Dovecot asks the authorization server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from services.relay.targets.circuit_breakers import is_out_of_reach
from services.relay.targets.target_pools import TargetPools
from shared.adapters.sql.store import SqlStore
from shared.adapters.system_clock import SystemClock
from shared.config import from_mapping
from shared.model.errors import MailferryError
from shared.model.target import Target
from shared.ports.tokens import TokenUnavailable
from shared.runtime.oauth.opening import OAuth
from shared.smtp.envelope import Envelope
from shared.smtp.errors import TokenRefused
from tests.integration.oauth.conftest import make_oauth
from tests.integration.oauth.sign_ins import sign_in
from tests.integration.oauth.test_refreshing import age
from tests.servers.authorization_server import AuthorizationServer, Client, answering
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot_tokens import introspection_config, sasl_config
from tests.servers.ports import free_port
from tests.servers.postfix import Postfix, login_settings

OWNER = "bob@acme.test"
TO = "anna@target.example"
MAIL = b"Subject: by a token\r\n\r\nHello\r\n"


class Servers(NamedTuple):
    """The provider, and its server for mail."""

    tokens: AuthorizationServer
    mail: Postfix


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    require("dovecot")
    require("postfix")
    with (
        AuthorizationServer() as tokens,
        server_directory("dovecot") as logins,
        server_directory("postfix") as mails,
    ):
        tokens.state.clients |= {
            "here": Client("here", "canary-secret"),
            "itself": Client("itself", "canary-secret"),
        }
        port = free_port()
        asks = introspection_config(logins, "plain", f"{tokens.url}/introspection", "here", "canary-secret")
        with (
            Dovecot(logins, extra=asks + sasl_config(port)),
            Postfix(mails, settings=login_settings(port)) as mail,
        ):
            yield Servers(tokens, mail)


@pytest.fixture
def server(servers: Servers) -> AuthorizationServer:
    """The one that Dovecot asks, as if it were new."""
    server = servers.tokens
    server.state.tokens.clear()
    server.faults.clear()
    server.token_requests.clear()
    server.state.mailbox = OWNER
    return server


@pytest.fixture
async def oauth(server: AuthorizationServer, store: SqlStore) -> AsyncIterator[OAuth]:
    oauth = make_oauth(server, store, SystemClock())
    yield oauth
    await oauth.http.close()


def target_of(servers: Servers, app: str = "here", username: str = OWNER) -> Target:
    keys = {
        "name": "out",
        "url": f"smtp://localhost:{servers.mail.port}",
        "tls": "required",
        "ca_file": str(servers.mail.certificate.chain),
        "username": username,
        "auth": "oauth",
        "oauth_app": app,
    }
    return from_mapping({"targets": [keys]}, {}, Path("/")).targets["out"]


@pytest.fixture
def target(servers: Servers) -> Target:
    return target_of(servers)


async def delivers(target: Target, oauth: OAuth) -> None:
    """Deliver a mail as the relay does; raises what the relay is told."""
    pools = TargetPools(
        {target.name: target}, helo_name="me.example", capacity=1, clock=SystemClock(), grants=oauth.tokens
    )
    try:
        [answer] = await pools.deliver_mail(target.name, Envelope("", (TO,)), MAIL)
        assert answer.reply.positive, answer.reply.text
    finally:
        await pools.close()


async def refused(target: Target, oauth: OAuth) -> MailferryError:
    """Return the error with which a delivery ends. The relay keeps the mail and opens the circuit."""
    with pytest.raises(MailferryError) as caught:
        await delivers(target, oauth)
    assert is_out_of_reach(caught.value)
    return caught.value


def grants_asked_for(server: AuthorizationServer) -> Sequence[str]:
    return [each["grant_type"] for each in server.token_requests]


@pytest.mark.parametrize("method", ["XOAUTH2", "OAUTHBEARER"])
async def test_a_mail_is_sent_by_the_grant(
    servers: Servers, target: Target, oauth: OAuth, method: str
) -> None:
    assert target.grant is not None
    assert target.credentials is not None
    await sign_in(oauth, target.grant)
    before = len(servers.mail.delivered(TO))
    await delivers(replace(target, credentials=replace(target.credentials, methods=(method,))), oauth)
    assert b"Subject: by a token" in servers.mail.wait_for(TO, before + 1)[-1]


async def test_an_app_by_itself_sends_without_anybody(servers: Servers, oauth: OAuth) -> None:
    await delivers(target_of(servers, app="itself"), oauth)


async def test_a_token_that_is_over_is_renewed_once_in_the_same_attempt(
    server: AuthorizationServer, store: SqlStore, target: Target, oauth: OAuth
) -> None:
    assert target.grant is not None
    await sign_in(oauth, target.grant)
    server.token_requests.clear()
    server.expire_access()
    await age(store, 100)
    await delivers(target, oauth)
    assert grants_asked_for(server) == ["refresh_token"]


async def test_without_a_sign_in_the_relay_says_what_to_do(target: Target, oauth: OAuth) -> None:
    error = await refused(target, oauth)
    assert isinstance(error, TokenUnavailable)
    assert "run `mailferry oauth connect`" in str(error)


async def test_a_withdrawn_sign_in_waits_for_its_owner_and_costs_one_request(
    server: AuthorizationServer, store: SqlStore, target: Target, oauth: OAuth
) -> None:
    assert target.grant is not None
    await sign_in(oauth, target.grant)
    server.revoke_all()
    await age(store, 100)
    server.token_requests.clear()
    for _ in range(2):
        error = await refused(target, oauth)
        assert isinstance(error, TokenUnavailable)
        assert "owner of the mailbox has to sign in again" in str(error)
    assert grants_asked_for(server) == ["refresh_token"]


async def test_an_outage_of_the_token_server_is_no_wrong_password(
    server: AuthorizationServer, store: SqlStore, target: Target, oauth: OAuth
) -> None:
    assert target.grant is not None
    await sign_in(oauth, target.grant)
    server.expire_access()
    await age(store, 100)
    server.faults.append(answering(503, "<html>"))
    error = await refused(target, oauth)
    assert isinstance(error, TokenUnavailable)
    assert error.temporary
    assert "asked again later" in str(error)
    assert "password" not in str(error)


async def test_a_mailbox_that_does_not_let_a_fresh_token_in_is_called_so(
    server: AuthorizationServer, servers: Servers, oauth: OAuth
) -> None:
    """The user name is another one than that of the token."""
    server.state.mailbox = "eve@acme.test"
    target = target_of(servers, username="eve@acme.test")
    assert target.grant is not None
    await sign_in(oauth, target.grant)
    server.state.tokens[-1].user = OWNER
    error = await refused(target, oauth)
    assert isinstance(error, TokenRefused)
    assert "mailbox that does not let the app in" in str(error)
    assert server.state.tokens[-1].access not in str(error)
