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


NEW = {"name": "mine", "provider": "microsoft", "client_id": "id-1", "client_secret": SECRET}


async def test_operators_add_change_and_remove_apps(api: Api) -> None:
    made = await api.ask("operator", "POST", "/oauth-apps", {**NEW, "secret_expires": "2027-06-30"})
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    shown = made.json()
    assert (shown["client_id"], shown["secret_expires"]) == ("id-1", "2027-06-30")
    assert shown["has_secret"]
    assert (await api.ask("operator", "POST", "/oauth-apps", NEW)).json()["code"] == "already_exists"
    change = {"client_id": "id-2", "secret_expires": None, "tenant": "acme"}
    changed = await api.ask("operator", "PATCH", "/oauth-apps/mine", change, If_Match='"1"')
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    shown = changed.json()
    assert (shown["client_id"], shown["secret_expires"], shown["tenant"]) == ("id-2", None, "acme")
    assert shown["has_secret"]
    late = await api.ask("operator", "PATCH", "/oauth-apps/mine", {"client_id": "id-3"}, If_Match='"1"')
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    unconditional = await api.ask("operator", "PATCH", "/oauth-apps/mine", {"client_id": "id-3"})
    assert unconditional.status_code == 428
    dropped = await api.ask("operator", "PATCH", "/oauth-apps/mine", {"client_secret": None}, If_Match="*")
    assert not dropped.json()["has_secret"]
    assert (await api.ask("operator", "DELETE", "/oauth-apps/mine", If_Match='"2"')).status_code == 412
    assert (await api.ask("operator", "DELETE", "/oauth-apps/mine", If_Match='"3"')).status_code == 204
    assert (await api.ask("operator", "GET", "/oauth-apps/mine")).status_code == 404
    audit = (await api.ask("operator", "GET", "/audit")).text
    assert "oauth_app.change" in audit
    assert SECRET not in audit


async def test_what_is_wrong_with_an_app_is_said_by_setting(api: Api) -> None:
    refused = await api.ask(
        "operator",
        "POST",
        "/oauth-apps",
        {"name": "x", "provider": "google", "discovery": "https://a.example", "testing": True},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_settings")
    assert {each["field"] for each in refused.json()["errors"]} >= {"provider", "client_id"}


async def test_only_operators_write_apps_and_those_of_the_file_stay(api: Api) -> None:
    for caller in ("admin", "support", "owner", "auditor", "global support"):
        answer = await api.ask(caller, "POST", "/oauth-apps", NEW)
        assert answer.status_code in {403, 404}, caller
    of_file = await api.ask("operator", "PATCH", "/oauth-apps/owners", {"client_id": "x"}, If_Match="*")
    assert (of_file.status_code, of_file.json()["code"]) == (409, "managed_by_file")
    shown = (await api.ask("operator", "GET", "/oauth-apps/owners")).json()
    assert (shown["revision"], shown["testing"], shown["provider"]) == (None, True, "Google")


async def test_an_app_with_sign_ins_is_removed_by_force_alone(api: Api) -> None:
    await api.ask("operator", "POST", "/oauth-apps", NEW)
    context = api.control.context
    await context.oauth.store.put_grant("account:acme/box", "mine", "box", context.clock.now(), None)
    refused = await api.ask("operator", "DELETE", "/oauth-apps/mine", If_Match="*")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    forced = await api.ask("operator", "DELETE", "/oauth-apps/mine?force=true", If_Match="*")
    assert forced.status_code == 204
