"""Targets and tenants: added, changed, disabled and removed by those who may."""

from __future__ import annotations

from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn


async def test_a_target_is_added_by_an_admin_for_its_tenant_alone(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.open("/targets/add")
    assert page.html.select("[name=tenant]") == []
    page = await reader.send(page, "form#settings", name="own", url="smtp://127.0.0.1:2525")
    assert page.texts(".notice-text") == ["Target acme/own is added."]
    shown = await api.ask("admin", "GET", "/tenants/acme/targets/own")
    assert shown.json()["settings"]["url"] == "smtp://127.0.0.1:2525"


async def test_a_wrong_setting_is_told_beside_its_field_and_the_input_stays(sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(
        await reader.open("/targets/add"), "form#settings", name="odd", url="ftp://x.example"
    )
    assert page.status == 422
    assert "available are smtp" in page.texts("#f-url-problem")[0]
    assert page.one("#f-name")["value"] == "odd"


async def test_a_target_is_disabled_with_undo_and_not_removed_while_it_is_needed(sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(await reader.open("/targets"), "form[action='/targets/disable']")
    assert "exchange is disabled" in page.texts(".notice-text")[0]
    page = await reader.send(page, ".notice form")
    assert page.texts(".notice-text") == ["exchange is enabled."]
    removing = "form[action='/targets/remove']"
    page = await reader.send(page, removing, confirmed="")
    assert page.texts(".notice-text") == ["Nothing was removed: the name was not repeated."]
    page = await reader.send(page, removing, confirmed="exchange")
    assert "2 accounts" in page.texts(".notice-text")[0]


async def test_a_change_that_somebody_else_was_faster_with_is_refused(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.open("/tenants/settings?name=acme")
    await api.ask("operator", "PATCH", "/tenants/acme", {"max_accounts": 7}, If_Match="*")
    page = await reader.send(page, "form#settings", max_accounts="9")
    assert page.status == 412
    assert "Somebody else changed this meanwhile" in page.texts("[role=alert]")[0]


async def test_nobody_reaches_what_belongs_to_others(sign_in: SignIn) -> None:
    fred = await sign_in("fred")
    assert (await fred.open("/targets/settings?name=acme/own")).status == 404
    assert (await fred.open("/targets/settings?name=exchange")).status == 403
    assert (await fred.open("/tenants/settings?name=acme")).status == 403
    assert "acme" not in (await fred.open("/tenants")).text
    sam = await sign_in("sam")
    assert (await sam.open("/targets")).html.select("form[action='/targets/disable']") == []
