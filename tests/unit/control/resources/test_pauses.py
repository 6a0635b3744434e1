"""A tenant, or everything, is paused by those who may, and what is paused is seen by those it concerns."""

from __future__ import annotations

from tests.fakes.api import Api


async def scopes(api: Api, caller: str) -> list[str]:
    answer = await api.ask(caller, "GET", "/pauses")
    assert answer.status_code == 200, answer.text
    return [each["scope"] for each in answer.json()["items"]]


async def test_the_accounts_of_a_tenant_are_paused_and_go_on(api: Api) -> None:
    paused = await api.ask("admin", "POST", "/tenants/acme/pause")
    assert paused.json() == {"changed": ["acme/info"]}
    assert (await api.ask("admin", "POST", "/tenants/acme/pause")).json() == {"changed": []}
    assert await scopes(api, "admin") == ["acme/"]
    assert await scopes(api, "owner") == ["acme/"]
    assert await scopes(api, "foreign admin") == []
    assert (await api.ask("support", "POST", "/tenants/acme/resume")).json() == {"changed": ["acme/info"]}
    assert await scopes(api, "operator") == []


async def test_everything_is_paused_by_an_operator_alone(api: Api) -> None:
    for caller in ("admin", "support", "global support", "owner"):
        assert (await api.ask(caller, "POST", "/pause")).status_code == 403
    await api.ask("admin", "POST", "/tenants/acme/accounts/info/pause")
    assert (await api.ask("operator", "POST", "/pause")).json() == {"changed": ["other/info"]}
    assert await scopes(api, "operator") == ["*", "acme/info"]
    assert await scopes(api, "foreign admin") == ["*"]
    assert (await api.ask("operator", "POST", "/resume")).json() == {"changed": ["acme/info", "other/info"]}
    assert await scopes(api, "operator") == []


async def test_nobody_pauses_another_tenant_and_every_pause_is_in_the_audit(api: Api) -> None:
    assert (await api.ask("admin", "POST", "/tenants/other/pause")).status_code == 404
    await api.ask("admin", "POST", "/tenants/acme/pause")
    await api.ask("operator", "POST", "/pause")
    found = (await api.ask("operator", "GET", "/audit?limit=2")).json()["items"]
    assert [(each["action"], each["object"]) for each in found] == [
        ("service.pause", "all"),
        ("tenant.pause", "acme"),
    ]
