"""People sign in at a real identity provider, whose groups give them their roles."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.access import Role
from shared.config import from_mapping
from shared.model.errors import ConfigurationError
from shared.operations.people import NewUser, Users
from shared.operations.public_urls import OAUTH_CALLBACK, OIDC_SIGN_IN
from tests.fakes.api import Api, open_api
from tests.fakes.sign_in_result import sentence_of
from tests.servers.authorization_server import AuthorizationServer, answering, signing_key

BASE = "http://127.0.0.1:8464"
ANNA = "anna@acme.test"
GROUPS = {"mail-operators": "operator", "acme-mail": "admin@acme", "helpdesk": "support"}


@pytest.fixture
async def api(server: AuthorizationServer, tmp_path: Path) -> AsyncIterator[Api]:
    server.state.mailbox = ANNA
    server.state.claims = {"groups": ["staff", "acme-mail"]}
    oidc = {
        "issuer": server.url,
        "client_id": "here",
        "client_secret": "canary-secret",
        "groups": GROUPS,
    }
    async with open_api(tmp_path, oidc=oidc, url=BASE) as made:
        yield made


async def comes_back(api: Api) -> str:
    """Sign in at the provider, and return where it sends the browser."""
    begun = await api.client.get(OIDC_SIGN_IN)
    assert begun.status_code == 303, begun.text
    async with httpx2.AsyncClient() as browser:
        there = await browser.get(begun.headers["Location"])
    came_back = str(there.headers["Location"])
    assert came_back.startswith(BASE + OAUTH_CALLBACK)
    return came_back.removeprefix(BASE)


async def signs_in(api: Api) -> httpx2.Response:
    return await api.client.get(await comes_back(api))


async def me(api: Api) -> dict[str, Any]:
    told: dict[str, Any] = (await api.ask(None, "GET", "/me")).json()
    return told


async def test_a_person_signs_in_with_the_role_of_its_group(api: Api) -> None:
    answer = await signs_in(api)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    shown = await me(api)
    assert (shown["name"], shown["role"], shown["tenant"]) == (ANNA, "admin", "acme")
    [entry] = (await api.ask("auditor", "GET", "/audit?limit=1")).json()["items"]
    assert (entry["who"], entry["action"], entry["object"]) == ("oidc", "member.add", ANNA)


async def test_groups_count_anew_at_each_sign_in_and_the_first_of_the_table_wins(
    api: Api, server: AuthorizationServer
) -> None:
    await signs_in(api)
    server.state.claims = {"groups": ["helpdesk", "mail-operators"]}
    assert (await signs_in(api)).status_code == 303
    assert ((await me(api))["role"], (await me(api))["tenant"]) == ("operator", None)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"groups": ["staff"]}, "is in no group that [oidc] gives a role"),
        ({"iss": "https://other.example"}, '"iss" is another one'),
        ({"aud": "other"}, '"aud" is another one'),
        ({"nonce": "other"}, '"nonce" is another one'),
        ({"nonce": None}, "not"),
        ({"exp": int(time.time()) - 3600}, "has expired"),
        ({"email": None}, 'tells no "email"'),
        ({"email_verified": False}, "has not verified the address"),
    ],
)
async def test_an_answer_that_proves_nothing_signs_nobody_in(
    api: Api, server: AuthorizationServer, claims: dict[str, Any], told: str
) -> None:
    server.state.claims |= claims
    answer = await signs_in(api)
    assert (answer.status_code, told in sentence_of(answer)) == (403, True), answer.text
    assert (await api.ask(None, "GET", "/me")).status_code == 401
    assert (await api.control.context.access.users(None, "", 10)) == []


async def test_a_token_that_another_key_signed_is_refused(api: Api, server: AuthorizationServer) -> None:
    server.signing_key = signing_key("forged")
    answer = await signs_in(api)
    assert (answer.status_code, "not signed with a key" in sentence_of(answer)) == (403, True), answer.text


async def test_a_provider_that_is_away_is_told(api: Api, server: AuthorizationServer) -> None:
    path = await comes_back(api)
    server.faults.append(answering(503, "{}"))
    answer = await api.client.get(path)
    assert (answer.status_code, "503" in sentence_of(answer)) == (403, True), answer.text


async def test_a_person_who_signs_in_otherwise_is_not_taken_over(api: Api) -> None:
    await Users(api.control.context).add(NewUser(ANNA, Role.OPERATOR, password="a long password"))
    answer = await signs_in(api)
    assert (answer.status_code, "signs in otherwise" in sentence_of(answer)) == (403, True), answer.text


async def test_somebody_who_was_disabled_stays_out(api: Api) -> None:
    await signs_in(api)
    await Users(api.control.context).change(ANNA, None, enabled=False)
    answer = await signs_in(api)
    assert (answer.status_code, "may not sign in" in sentence_of(answer)) == (403, True), answer.text


async def test_a_sign_in_ends_in_the_browser_that_began_it_and_once(api: Api) -> None:
    path = await comes_back(api)
    api.client.cookies.clear()
    answer = await api.client.get(path)
    assert (answer.status_code, "another browser" in sentence_of(answer)) == (403, True)
    assert (await api.client.get(path)).status_code == 409


async def test_without_a_provider_nobody_signs_in_there(tmp_path: Path) -> None:
    async with open_api(tmp_path) as bare:
        answer = await bare.client.get(OIDC_SIGN_IN)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"client_id": None}, '"client_id" is missing'),
        ({"groups": {}}, "nobody can sign in"),
        ({"groups": {"x": "admin"}}, 'write "admin@TENANT"'),
        ({"groups": {"x": "owner@acme"}}, "expected one of"),
        ({"issuer": "http://id.example"}, "https://"),
    ],
)
def test_what_cannot_work_is_told_with_the_configuration(wrong: dict[str, Any], told: str) -> None:
    oidc = {"issuer": "https://id.example", "client_id": "x", "groups": GROUPS} | wrong
    given = {key: value for key, value in oidc.items() if value is not None}
    with pytest.raises(ConfigurationError, match=told.replace("(", r"\(")):
        from_mapping({"oidc": given, "relay": {"helo_name": "x.example"}}, {}, Path("/"))
