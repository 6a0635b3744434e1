"""OAuth apps and grants by the API: a tenant sees what it may name and its own sign-ins, and no secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.api import SETTINGS, Api, open_api

SECRET = "canary-secret-5e21"
ITSELF = {
    "provider": "microsoft",
    "client_id": "id",
    "flow": "client-credentials",
    "directory": "acme.com",
    "client_secret": SECRET,
}
APPS = (
    {"name": "for-all", **ITSELF},
    {"name": "of-acme", "tenant": "acme", **ITSELF},
    {"name": "of-other", "tenant": "other", **ITSELF},
    {"name": "owners", "provider": "google", "client_id": "id", "client_secret": SECRET, "testing": True},
)
BY_OWNER = {
    key: each for key, each in SETTINGS.items() if key not in {"password", "source", "tls", "username"}
} | {"name": "boss", "source": "imaps://imap.gmail.com", "username": "boss", "auth": "oauth"}
GRANTS = "/tenants/acme/grants"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, apps=APPS) as made:
        store = made.control.context.oauth.store
        account = {**BY_OWNER, "oauth_app": "owners"}
        assert (await made.ask("admin", "POST", "/tenants/acme/accounts", account)).status_code == 201
        for grant in ("account:acme/boss", "account:other/boss", "target:acme/out"):
            await store.put_grant(grant, "owners", "boss", made.control.context.clock.now(), None)
        yield made


async def names(api: Api, caller: str, path: str) -> list[str]:
    answer = await api.ask(caller, "GET", path)
    assert (answer.status_code, SECRET in answer.text) == (200, False)
    return [each["name"] for each in answer.json()["items"]]


async def test_a_tenant_sees_the_apps_that_it_may_name(api: Api) -> None:
    for caller in ("admin", "support", "auditor", "operator"):
        assert await names(api, caller, "/tenants/acme/oauth-apps") == ["of-acme", "owners"]
    assert await names(api, "operator", "/oauth-apps") == ["for-all", "of-acme", "of-other", "owners"]
    for app in ("of-other", "for-all", "none"):
        answers = [
            await api.ask("admin", method, f"/tenants/acme/oauth-apps/{app}{rest}")
            for method, rest in (("GET", ""), ("POST", "/verify"))
        ]
        assert [each.status_code for each in answers] == [404, 404], app
    shown = (await api.ask("admin", "GET", "/tenants/acme/oauth-apps/of-acme")).json()
    assert (shown["tenant"], shown["flow"], shown["ok"]) == ("acme", "client-credentials", True)


async def test_an_app_is_verified_by_who_may_change_apps_and_that_is_audited(api: Api) -> None:
    path = "/tenants/acme/oauth-apps/of-acme/verify"
    assert (await api.ask("support", "POST", path)).status_code == 403
    answer = await api.ask("admin", "POST", path)
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    entries = (await api.ask("admin", "GET", "/audit")).json()["items"]
    assert ("oauth_app.verify", "of-acme") in {(each["action"], each["object"]) for each in entries}


async def test_grants_are_listed_with_what_will_stop_them_for_their_tenant_alone(api: Api) -> None:
    first = (await api.ask("support", "GET", f"{GRANTS}?limit=1")).json()
    second = (await api.ask("support", "GET", f"{GRANTS}?cursor={first['next']}")).json()
    [boss] = first["items"]
    assert (boss["kind"], boss["id"], boss["state"]) == ("account", "acme/boss", "retrying")
    assert boss["days_left"] in {6, 7}
    assert [each["id"] for each in second["items"]] == ["acme/out"]
    assert second["next"] is None
    assert (await api.ask("foreign admin", "GET", GRANTS)).status_code == 404
    assert (await api.ask("owner", "GET", GRANTS)).status_code == 403


async def test_a_grant_is_revoked_once(api: Api) -> None:
    path = f"{GRANTS}/account/boss/revoke"
    assert (await api.ask("support", "POST", path)).status_code == 403
    assert (await api.ask("foreign admin", "POST", path)).status_code == 404
    answer = await api.ask("admin", "POST", path)
    assert "tokens are forgotten" in answer.json()["sentence"]
    assert (await api.ask("admin", "POST", path)).status_code == 404
    [boss, _] = (await api.ask("admin", "GET", GRANTS)).json()["items"]
    assert boss["state"] == "revoked"
    entries = (await api.ask("admin", "GET", "/audit")).json()["items"]
    assert ("account.revoke_grant", "acme/boss") in {(each["action"], each["object"]) for each in entries}


async def test_a_grant_for_what_the_account_has_no_more_counts_as_not_connected(api: Api) -> None:
    change = {"username": "other"}
    path = "/tenants/acme/accounts/boss"
    assert (await api.ask("operator", "PATCH", path, change, If_Match="*")).status_code == 200
    [boss, _] = (await api.ask("admin", "GET", GRANTS)).json()["items"]
    assert (boss["username"], boss["state"]) == ("other", "not connected")
