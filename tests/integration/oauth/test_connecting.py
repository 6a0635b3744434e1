"""The owner of a mailbox signs in at a real authorization server, by a link or from an account's page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.model.oauth import GrantState
from shared.operations.public_urls import OAUTH_CALLBACK
from tests.fakes.api import SETTINGS, Api, open_api
from tests.fakes.login_tests import ended
from tests.fakes.sign_in_result import sentence_of
from tests.fakes.sources import FakeSource
from tests.servers.authorization_server import AuthorizationServer, answering

BASE = "http://127.0.0.1:8464"
OWNER = "bob@acme.test"
LINKS = "/tenants/acme/connect-links"
BOX = {key: value for key, value in SETTINGS.items() if key not in {"password", "tls"}} | {
    "name": "box",
    "source": "pop3s://pop.acme.test",
    "username": OWNER,
    "auth": "oauth",
    "oauth_app": "here",
}
GRANT = "account:acme/box"


@dataclass
class Tokens:
    """The access tokens that the server gave."""

    server: AuthorizationServer
    all_refused: bool = False

    def __contains__(self, token: object) -> bool:
        found = self.server.state.find(str(token))
        return found is not None and not self.all_refused


@pytest.fixture
def tokens(server: AuthorizationServer) -> Tokens:
    return Tokens(server)


@pytest.fixture
async def api(server: AuthorizationServer, tokens: Tokens, tmp_path: Path) -> AsyncIterator[Api]:
    source = FakeSource()
    source.secrets = tokens
    app = {"scopes": ["mail", "openid"], "discovery": server.discovery}
    apps = [
        {"name": "here", "client_id": "here", "client_secret": "canary-secret", **app},
        {"name": "wrong", "client_id": "here", "client_secret": "canary-wrong", **app},
    ]
    async with open_api(tmp_path, source.open, apps, url=BASE) as made:
        yield made


async def link(api: Api, settings: dict[str, Any]) -> str:
    made = await api.ask("admin", "POST", LINKS, {"settings": settings})
    assert made.status_code == 201, made.text
    return str(made.json()["secret"])


async def began(api: Api, secret: str) -> str:
    answer = await api.ask(None, "POST", "/connect/sign-in", {"secret": secret})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


async def at_the_provider(url: str) -> str:
    """Sign in as a browser does, and return where it is sent then."""
    async with httpx2.AsyncClient() as browser:
        there = await browser.get(url)
    came_back = str(there.headers["Location"])
    assert came_back.startswith(BASE + OAUTH_CALLBACK)
    return came_back.removeprefix(BASE)


async def came_back(api: Api, secret: str) -> httpx2.Response:
    return await api.client.get(await at_the_provider(await began(api, secret)))


async def test_an_owner_signs_in_by_a_link(api: Api) -> None:
    secret = await link(api, BOX)
    shown = (await api.ask(None, "POST", "/connect/open", {"secret": secret})).json()
    assert (shown["way"], shown["sign_in_with"], shown["username"]) == ("oauth", "127.0.0.1", OWNER)
    answer = await came_back(api, secret)
    assert "<h1>You have signed in</h1>" in answer.text
    assert sentence_of(answer).startswith("Mailferry tries the mailbox now.")
    assert (await ended(api, f"/connect/tests/{answer.headers['X-Login-Test']}"))["ok"]
    stored = await api.control.context.oauth.store.grant(GRANT)
    assert stored is not None
    assert (stored.grant.state, stored.refresh is not None) == (GrantState.VALID, True)
    assert (await api.ask("admin", "GET", "/tenants/acme/accounts/box")).json()["state"] == "enabled"
    again = await api.ask(None, "POST", "/connect/sign-in", {"secret": secret})
    assert again.json()["code"] == "link_unusable"


async def test_a_sign_in_that_opens_no_mailbox_is_not_kept(api: Api, tokens: Tokens) -> None:
    tokens.all_refused = True
    secret = await link(api, BOX)
    answer = await came_back(api, secret)
    told = await ended(api, f"/connect/tests/{answer.headers['X-Login-Test']}")
    assert (told["ok"], told["step"]) == (False, "credentials")
    assert await api.control.context.oauth.store.grant(GRANT) is None
    assert (await api.ask(None, "POST", "/connect/open", {"secret": secret})).status_code == 200


async def test_another_person_than_the_owner_is_refused_by_name(
    api: Api, server: AuthorizationServer
) -> None:
    secret = await link(api, BOX)
    server.state.mailbox = "eve@acme.test"
    answer = await came_back(api, secret)
    assert answer.status_code == 409
    assert "eve@acme.test signed in, but the mailbox is bob@acme.test" in sentence_of(answer).replace('"', "")


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (answering(503, "{}"), "503"),
        (answering(400, '{"error": "invalid_grant"}'), "invalid_grant"),
        (answering(200, "no json"), ""),
    ],
)
async def test_trouble_of_the_token_server_is_told_and_leaves_the_link_open(
    api: Api, server: AuthorizationServer, trouble: Any, told: str
) -> None:
    secret = await link(api, BOX)
    server.faults.append(trouble)
    answer = await came_back(api, secret)
    assert (answer.status_code, told in sentence_of(answer)) == (409, True), answer.text
    assert (await came_back(api, secret)).status_code == 200


async def test_an_owner_who_declines_is_told_so(api: Api, server: AuthorizationServer) -> None:
    secret = await link(api, BOX)
    server.state.declines = True
    answer = await came_back(api, secret)
    assert (answer.status_code, "access_denied" in sentence_of(answer)) == (409, True), answer.text


async def test_an_answer_counts_once_and_only_for_its_own_sign_in(api: Api) -> None:
    secret = await link(api, BOX)
    path = await at_the_provider(await began(api, secret))
    assert (await api.client.get(path.replace("state=", "state=x"))).status_code == 409
    assert (await api.client.get(OAUTH_CALLBACK)).status_code == 409
    assert (await api.client.get(path)).status_code == 200
    repeated = await api.client.get(path)
    assert (repeated.status_code, "begin again" in repeated.text) == (409, True)


async def test_an_answer_for_a_link_that_was_revoked_meanwhile_is_refused(api: Api) -> None:
    made = (await api.ask("admin", "POST", LINKS, {"settings": BOX})).json()
    path = await at_the_provider(await began(api, made["secret"]))
    await api.ask("admin", "DELETE", f"{LINKS}/{made['id']}")
    answer = await api.client.get(path)
    assert (answer.status_code, "ask for a new one" in sentence_of(answer)) == (409, True)


async def test_an_owner_who_is_signed_in_here_connects_an_account_that_is_there(api: Api) -> None:
    await api.ask("admin", "POST", "/tenants/acme/accounts", BOX)
    for caller, status in {"support": 403, "foreign admin": 404, "owner": 404}.items():
        answer = await api.ask(caller, "POST", "/tenants/acme/accounts/box/sign-in")
        assert answer.status_code == status
    begun = await api.ask("admin", "POST", "/tenants/acme/accounts/box/sign-in")
    answer = await api.client.get(await at_the_provider(begun.json()["url"]))
    path = f"/login-tests/{answer.headers['X-Login-Test']}"
    assert (await ended(api, path, "admin"))["ok"]
    assert (await api.control.context.oauth.store.grant(GRANT)) is not None
    [entry] = (await api.ask("auditor", "GET", "/audit?limit=1")).json()["items"]
    assert (entry["action"], entry["object"]) == ("account.connect", "acme/box")


async def test_the_verifier_and_the_tokens_are_nowhere_in_clear(
    api: Api, server: AuthorizationServer
) -> None:
    secret = await link(api, BOX)
    answer = await came_back(api, secret)
    await ended(api, f"/connect/tests/{answer.headers['X-Login-Test']}")
    given = [each for token in server.state.tokens for each in (token.access, token.refresh)]
    verifiers = [each["code_verifier"] for each in server.token_requests if "code_verifier" in each]
    files = [each.read_bytes() for each in api.database.parent.glob(f"{api.database.name}*")]
    for each in (*given, *verifiers, secret):
        assert not any(str(each).encode() in content for content in files)


async def test_what_a_browser_brings_back_is_text_on_the_page(api: Api) -> None:
    for query in ("", "?state=<script>alert(1)</script>&code=x", "?error=<b>x</b>&state=%E2%80%AE"):
        answer = await api.client.get(f"/oauth/callback{query}")
        assert answer.status_code == 409
        assert answer.headers["content-type"].startswith("text/html")
        assert "<script>alert" not in answer.text
        assert "<b>" not in answer.text
        assert sentence_of(answer)
