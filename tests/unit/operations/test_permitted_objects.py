"""No way through the API leads somebody of a tenant into a mailbox that an app opens without consent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.model.oauth import Flow
from shared.oauth.app import OAuthApp
from shared.oauth.providers import MICROSOFT
from shared.ports.store.oauth import AppWrite
from shared.runtime.oauth.apps import spec_of_app
from tests.fakes.api import SETTINGS, TARGET, Api, open_api

ITSELF = {
    "provider": "microsoft",
    "client_id": "id",
    "flow": "client-credentials",
    "directory": "acme.com",
    "client_secret": "s",
}
APPS = (
    {"name": "for-all", **ITSELF},
    {"name": "of-acme", "tenant": "acme", **ITSELF},
    {"name": "of-other", "tenant": "other", **ITSELF},
    {"name": "owners", "provider": "microsoft", "client_id": "id"},
)
OPENED = {key: each for key, each in SETTINGS.items() if key != "password"} | {
    "source": "imaps://outlook.office365.com",
    "tls": "required",
    "username": "boss@other.example",
    "auth": "oauth",
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, apps=APPS) as made:
        kept = OAuthApp("kept", "id", MICROSOFT.in_directory("acme.com"), Flow.CLIENT_CREDENTIALS)
        oauth = made.control.context.oauth
        await oauth.store.put_app(AppWrite("kept", spec_of_app(kept, "acme.com")), 1.0)
        yield made


async def asked(api: Api, caller: str, method: str, path: str, keys: Mapping[str, Any]) -> tuple[int, str]:
    answer = await api.ask(caller, method, path, keys, If_Match="*")
    return answer.status_code, str(answer.json().get("detail"))


async def test_a_tenant_names_no_app_that_is_not_its_own(api: Api) -> None:
    for app, code, told in (
        ("for-all", 403, "only an operator"),
        ("kept", 403, "only an operator"),
        ("of-other", 422, "There is no OAuth app"),
        ("unknown", 422, "There is no OAuth app"),
    ):
        new = {"name": "new", **OPENED, "oauth_app": app}
        target = {**TARGET, "name": "new", "auth": "oauth", "username": "u", "oauth_app": app}
        changed = {"auth": "oauth", "oauth_app": app}
        requests: Sequence[tuple[str, str, Mapping[str, Any]]] = (
            ("POST", "/tenants/acme/accounts", new),
            ("PATCH", "/tenants/acme/accounts/info", changed),
            ("POST", "/tenants/acme/targets", target),
            ("POST", "/login-tests", {"tenant": "acme", "settings": new}),
            ("POST", "/login-tests", {"account": "acme/info", "settings": changed}),
            ("POST", "/tenants/acme/connect-links", {"settings": new}),
        )
        for method, path, keys in requests:
            answer = await asked(api, "admin", method, path, keys)
            assert (answer[0], told in answer[1]) == (code, True), (path, answer)


async def test_a_tenant_uses_its_own_apps_and_those_that_owners_sign_in_to(api: Api) -> None:
    for app in ("of-acme", "owners"):
        keys = {"name": app, **OPENED, "oauth_app": app}
        assert (await asked(api, "admin", "POST", "/tenants/acme/accounts", keys))[0] == 201


async def test_the_mailbox_that_an_operators_app_opens_is_the_operators_choice(api: Api) -> None:
    path = "/tenants/acme/accounts/info"
    for app in ("for-all", "kept"):
        by_app = {**OPENED, "oauth_app": app, "password": None}
        assert (await asked(api, "operator", "PATCH", path, by_app))[0] == 200
        for keys in ({"username": "boss@other.example"}, {"source": "imaps://outlook.office365.com"}):
            for caller in ("admin", "owner"):
                for answer in (
                    await asked(api, caller, "PATCH", path, keys),
                    await asked(
                        api, caller, "POST", "/login-tests", {"account": "acme/info", "settings": keys}
                    ),
                ):
                    assert (answer[0], "only an operator" in answer[1]) == (403, True), answer
        assert (await asked(api, "owner", "PATCH", path, {"retention": "7d"}))[0] == 200
