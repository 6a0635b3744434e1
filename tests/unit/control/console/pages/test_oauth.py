"""The page of OAuth apps: a tenant's own, its sign-ins, and their end."""

from __future__ import annotations

from shared.oauth.app import OAuthApp
from shared.oauth.providers import GOOGLE
from shared.ports.store.oauth import AppWrite
from shared.runtime.oauth.apps import spec_of_app
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn


async def put(api: Api, app: str, tenant: str | None, *grants: str) -> None:
    oauth, now = api.control.context.oauth, api.control.context.clock.now()
    await oauth.store.put_app(
        AppWrite(app, spec_of_app(OAuthApp(app, "id", GOOGLE, tenant=tenant), None)), now
    )
    for grant in grants:
        await oauth.store.put_grant(grant, app, "bob@gmail.com", now, None)


async def test_a_tenant_sees_its_apps_and_ends_a_sign_in_by_its_name(api: Api, sign_in: SignIn) -> None:
    await put(api, "ours", "acme", "account:acme/info", "account:other/info")
    await put(api, "theirs", "other")
    reader = await sign_in("anna")
    page = await reader.open("/oauth-apps")
    assert page.texts("td.name-cell strong") == ["ours"]
    assert page.texts("td.name-cell a") == ["acme/info"]
    ending = "form[action='/oauth-apps/revoke']"
    page = await reader.send(page, ending, confirmed="acme/inf")
    assert "the name was not repeated" in page.texts(".notice-text")[0]
    page = await reader.send(page, ending, confirmed="acme/info")
    assert "has ended" in page.texts(".notice-text")[0]
    assert page.texts(ending) == []


async def test_an_operator_chooses_a_tenant_and_nobody_sees_another_ones(api: Api, sign_in: SignIn) -> None:
    await put(api, "ours", "acme", "account:acme/info")
    operator = await sign_in("otto")
    assert (await operator.open("/oauth-apps")).texts("td.name-cell a") == []
    assert (await operator.open("/oauth-apps?tenant=acme")).texts("td.name-cell a") == ["acme/info"]
    foreign = await sign_in("fred")
    assert (await foreign.open("/oauth-apps?tenant=acme")).texts("td.name-cell") == []


async def test_an_operator_adds_an_app_and_removes_it_by_its_name(api: Api, sign_in: SignIn) -> None:
    operator = await sign_in("otto")
    page = await operator.open("/oauth-apps")
    adding = "form[action='/oauth-apps/add']"
    wrong = await operator.send(page, adding, name="mine", provider="zoho", client_id="id")
    assert "scopes" in wrong.texts(".notice-text")[0]
    page = await operator.send(
        page, adding, name="mine", provider="google", client_id="id", client_secret="x"
    )
    assert "mine is added" in page.texts(".notice-text")[0]
    assert page.texts("td.name-cell strong") == ["mine"]
    removing = "form[action='/oauth-apps/remove']"
    page = await operator.send(page, removing, confirmed="min")
    assert "not repeated" in page.texts(".notice-text")[0]
    page = await operator.send(page, removing, confirmed="mine")
    assert page.texts("td.name-cell strong") == []


async def test_people_of_a_tenant_cannot_add_apps(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.open("/oauth-apps")
    assert page.texts("form[action='/oauth-apps/add']") == []
    assert page.texts(".btn-primary") == []
