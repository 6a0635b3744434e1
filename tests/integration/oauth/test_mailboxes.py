"""Visits log in to a real Dovecot that asks the authorization server about each token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.fetcher.mailboxes.opening import open_account, open_source
from shared.adapters.sql.store import SqlStore
from shared.adapters.system_clock import SystemClock
from shared.config import from_mapping
from shared.model.account import Account
from shared.model.source_errors import CredentialsRefused, TokenRefused
from shared.net.login.wire import Timeouts
from shared.ports.tokens import TokenUnavailable
from shared.runtime.oauth.opening import OAuth
from tests.integration.oauth.conftest import make_oauth
from tests.integration.oauth.sign_ins import sign_in
from tests.integration.oauth.test_refreshing import age
from tests.servers.authorization_server import AuthorizationServer, Client, answering
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot_tokens import introspection_config

OWNER = "bob@acme.test"


@pytest.fixture(scope="module")
def module_server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        running.state.clients |= {
            "here": Client("here", "canary-secret"),
            "itself": Client("itself", "canary-secret"),
        }
        yield running


@pytest.fixture(scope="module")
def dovecot(module_server: AuthorizationServer) -> Iterator[Dovecot]:
    require("dovecot")
    with server_directory("dovecot") as directory:
        url = f"{module_server.url}/introspection"
        extra = introspection_config(directory, "plain login", url, "here", "canary-secret")
        with Dovecot(directory, extra=extra) as server:
            server.add_user(OWNER, "unused")
            yield server


@pytest.fixture
def server(module_server: AuthorizationServer) -> AuthorizationServer:
    """The one that Dovecot asks, as if it were new."""
    module_server.state.tokens.clear()
    module_server.faults.clear()
    module_server.token_requests.clear()
    module_server.state.mailbox = OWNER
    return module_server


@pytest.fixture
async def oauth(server: AuthorizationServer, store: SqlStore) -> AsyncIterator[OAuth]:
    oauth = make_oauth(server, store, SystemClock())
    yield oauth
    await oauth.http.close()


@pytest.fixture(params=["pop3", "imap"])
def account(request: pytest.FixtureRequest, dovecot: Dovecot) -> Account:
    port = dovecot.pop3s_port if request.param == "pop3" else dovecot.imaps_port
    configuration = from_mapping(
        {
            "targets": [{"name": "t", "url": "smtp://localhost"}],
            "accounts": [
                {
                    "name": "box",
                    "source": f"{request.param}s://localhost:{port}",
                    "username": OWNER,
                    "auth": "oauth",
                    "oauth_app": "here",
                    "ca_file": str(dovecot.certificate.chain),
                    "target": "t",
                    "mailbox": "single",
                    "recipient": "bob@corp.example",
                }
            ],
        },
        {},
        Path("/"),
    )
    return configuration.accounts["default/box"]


async def logs_in(account: Account, oauth: OAuth) -> str | None:
    opened = await open_source(account, grants=oauth.tokens)
    assert (await opened.mailbox.listing()).problems == ()
    await opened.mailbox.finish()
    return opened.method


async def test_a_visit_logs_in_by_the_grant(account: Account, oauth: OAuth) -> None:
    assert account.grant is not None
    await sign_in(oauth, account.grant)
    assert await logs_in(account, oauth) == "xoauth2"
    bearer = replace(account, login=replace(account.login, auth=("oauthbearer",)))
    assert await logs_in(bearer, oauth) == "oauthbearer"


async def test_an_app_by_itself_logs_in_without_anybody(account: Account, oauth: OAuth) -> None:
    itself = replace(account, login=replace(account.login, oauth_app="itself"))
    assert await logs_in(itself, oauth) == "xoauth2"


async def test_without_a_sign_in_the_visit_says_what_to_do(account: Account, oauth: OAuth) -> None:
    with pytest.raises(TokenUnavailable, match="run `mailferry oauth connect`"):
        await logs_in(account, oauth)


async def test_a_refused_token_is_renewed_once_in_the_same_visit(
    server: AuthorizationServer, store: SqlStore, account: Account, oauth: OAuth
) -> None:
    assert account.grant is not None
    await sign_in(oauth, account.grant)
    server.token_requests.clear()
    server.expire_access()
    await age(store, 100)
    assert await logs_in(account, oauth) == "xoauth2"
    assert [each["grant_type"] for each in server.token_requests] == ["refresh_token"]


async def test_a_refused_token_during_an_outage_is_no_refused_login(
    server: AuthorizationServer, store: SqlStore, account: Account, oauth: OAuth
) -> None:
    assert account.grant is not None
    await sign_in(oauth, account.grant)
    server.expire_access()
    await age(store, 100)
    server.faults.append(answering(503, "<html>"))
    with pytest.raises(TokenUnavailable, match="asked again later") as caught:
        await logs_in(account, oauth)
    assert caught.value.temporary


async def test_a_withdrawn_sign_in_waits_for_its_owner(
    server: AuthorizationServer, store: SqlStore, account: Account, oauth: OAuth
) -> None:
    assert account.grant is not None
    await sign_in(oauth, account.grant)
    server.revoke_all()
    await age(store, 100)
    with pytest.raises(TokenUnavailable, match="owner of the mailbox has to sign in again"):
        await logs_in(account, oauth)
    asked = len(server.token_requests)
    with pytest.raises(TokenUnavailable, match="owner of the mailbox has to sign in again"):
        await logs_in(account, oauth)
    assert len(server.token_requests) == asked


async def test_a_mailbox_that_does_not_let_a_fresh_token_in_is_called_so(
    server: AuthorizationServer, account: Account, oauth: OAuth
) -> None:
    """The user name is another one than that of the token."""
    other = replace(account, login=replace(account.login, username="eve@acme.test"))
    assert other.grant is not None
    server.state.mailbox = "eve@acme.test"
    await sign_in(oauth, other.grant)
    server.state.tokens[-1].user = OWNER
    with pytest.raises(TokenRefused, match="mailbox that does not let the app in") as caught:
        await open_account(other, Timeouts(), grants=oauth.tokens)
    assert isinstance(caught.value, CredentialsRefused)
    assert server.state.tokens[-1].access not in str(caught.value)
