"""Owners sign in at a real authorization server; what they granted is checked before it is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from shared.adapters.sql.store import SqlStore
from shared.model.oauth import Flow, GrantState
from shared.oauth.app import ServiceAccountKey
from shared.operations.oauth_apps import OAuthFailed, app_statuses, verify_app
from shared.operations.oauth_connect import SignInFailed, connect_by_browser, connect_by_device
from shared.operations.oauth_device import DeviceCode
from shared.operations.oauth_grants import revoke_grant
from shared.ports.tokens import TokenUnavailable
from shared.runtime.oauth.opening import OAuth
from tests.integration.oauth.conftest import BOX, app_of
from tests.integration.oauth.sign_ins import browse, context_of, never_asked, sign_in
from tests.servers.authorization_server import AuthorizationServer, Client, answering


async def test_an_owner_signs_in_by_a_browser(server: AuthorizationServer, oauth: OAuth) -> None:
    assert "bob@acme.test has signed in for account acme/box" in await sign_in(oauth, BOX)
    stored = await oauth.store.grant(BOX.id)
    assert stored is not None
    assert stored.grant.state is GrantState.VALID
    assert stored.refresh is not None
    token = await oauth.tokens.access_token(BOX)
    assert token.get_secret_value() == server.state.tokens[-1].access
    [sent] = server.token_requests
    assert "code_verifier" in sent


async def test_an_app_without_a_secret_is_proven_by_pkce_alone(oauth: OAuth) -> None:
    await sign_in(oauth, replace(BOX, app="public"))
    assert await oauth.tokens.access_token(replace(BOX, app="public"))


async def test_another_persons_sign_in_is_refused_and_nothing_kept(
    server: AuthorizationServer, oauth: OAuth
) -> None:
    server.state.mailbox = "eve@acme.test"
    with pytest.raises(SignInFailed, match=r"eve@acme.test signed in, but the mailbox is bob@acme.test"):
        await sign_in(oauth, BOX)
    assert await oauth.store.grant(BOX.id) is None


async def test_a_sign_in_without_the_right_is_refused(server: AuthorizationServer, oauth: OAuth) -> None:
    server.state.granted_scope = "openid"
    with pytest.raises(SignInFailed, match="mail is missing"):
        await sign_in(oauth, BOX)


async def test_an_owner_who_declines_is_told_so(server: AuthorizationServer, oauth: OAuth) -> None:
    server.state.declines = True
    with pytest.raises(SignInFailed, match="access_denied"):
        await sign_in(oauth, BOX)


async def test_a_forged_answer_does_not_end_the_wait(oauth: OAuth) -> None:
    answers: list[int] = []

    async def attack_then_browse(url: str) -> None:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        async with httpx2.AsyncClient() as browser:
            paths = ("/?code=forged&state=forged", "/favicon.ico", "/")
            got = [await browser.get(redirect.rstrip("/") + path) for path in paths]
            answers.extend(each.status_code for each in got)
            answers.append((await browser.post(redirect)).status_code)
        await browse(url)

    tasks: list[asyncio.Task[None]] = []
    show = lambda url: tasks.append(asyncio.ensure_future(attack_then_browse(url)))  # noqa: E731
    assert "has signed in" in await connect_by_browser(context_of(oauth), BOX, show, never_asked)
    await tasks[0]
    assert answers == [400, 404, 400, 405]


async def test_an_owner_signs_in_by_a_device_code(server: AuthorizationServer, oauth: OAuth) -> None:
    shown: list[DeviceCode] = []

    def show(code: DeviceCode) -> None:
        shown.append(code)
        server.faults.append(answering(400, '{"error": "authorization_pending"}'))
        server.approve(code.user_code)

    assert "has signed in" in await connect_by_device(context_of(oauth), BOX, show)
    assert shown[0].url == f"{server.url}/device"
    assert len(server.token_requests) == 2


async def test_a_device_code_that_is_declined_is_told_so(server: AuthorizationServer, oauth: OAuth) -> None:
    with pytest.raises(SignInFailed, match="access_denied"):
        await connect_by_device(
            context_of(oauth), BOX, lambda code: server.approve(code.user_code, allowed=False)
        )


async def test_an_app_by_itself_needs_nobody(server: AuthorizationServer, oauth: OAuth) -> None:
    ref = replace(BOX, app="itself")
    assert await oauth.tokens.access_token(ref)
    assert server.token_requests[0]["grant_type"] == "client_credentials"
    assert "nobody has to sign in" in await connect_by_browser(context_of(oauth), ref, print, never_asked)


async def test_a_service_account_signs_for_each_mailbox(
    server: AuthorizationServer, store: SqlStore, oauth: OAuth
) -> None:
    key = RSAKey.generate_key(2048)
    server.state.clients["robot@project.test"] = Client("robot@project.test", key=key)
    pem = key.as_pem(private=True).decode()
    account = ServiceAccountKey("robot@project.test", "key 1", SecretStr(pem))
    robot = app_of(server, "robot", secret=None, flow=Flow.SERVICE_ACCOUNT)
    oauth.apps.configured = {"robot": replace(robot, service_account=account)}
    assert await oauth.tokens.access_token(replace(BOX, app="robot"))
    [sent] = server.token_requests
    assert sent["grant_type"].endswith("jwt-bearer")
    other = replace(BOX, id="account:acme/other", app="robot", username="nobody@acme.test")
    with pytest.raises(TokenUnavailable, match="mailbox exists") as caught:
        await oauth.tokens.access_token(other)
    assert caught.value.state is GrantState.NEEDS_ADMIN


async def test_a_revoked_grant_is_void_at_the_provider_too(server: AuthorizationServer, oauth: OAuth) -> None:
    await sign_in(oauth, BOX)
    assert "the provider was told" in await revoke_grant(context_of(oauth), BOX)
    assert all(token.refresh_revoked for token in server.state.tokens)
    with pytest.raises(OAuthFailed, match="no sign-in"):
        await revoke_grant(context_of(oauth), BOX)


async def test_an_app_is_verified_without_a_mailbox(server: AuthorizationServer, oauth: OAuth) -> None:
    assert "knows the app" in await verify_app(context_of(oauth), "here")
    with pytest.raises(OAuthFailed, match="invalid_client"):
        await verify_app(context_of(oauth), "wrong")
    with pytest.raises(OAuthFailed, match="There is no OAuth app"):
        await verify_app(context_of(oauth), "unknown")
    server.faults.append(answering(503, "<html>"))
    with pytest.raises(OAuthFailed, match="503") as caught:
        await verify_app(context_of(oauth), "here")
    assert caught.value.temporary
    assert [each.ok for each in await app_statuses(context_of(oauth))] == [True] * 4
