"""Settings are changed by a form: only what differs, and not what somebody else changed meanwhile."""

from __future__ import annotations

from typing import Any

from shared.model.spec import Kind, Manager
from shared.operations.objects import Actor
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn

PAGE = "/accounts/acme/info/settings"
FORM = "form:has([name=revision])"


async def keys(api: Api) -> dict[str, Any]:
    return dict((await api.control.objects.show(Kind.ACCOUNT, "acme/info")).keys)


async def test_an_untouched_form_changes_nothing(api: Api, sign_in: SignIn) -> None:
    before = await keys(api)
    reader = await sign_in("otto")
    page = await reader.send(await reader.open(PAGE), FORM)
    assert "Nothing was changed." in page.text
    assert await keys(api) == before


async def test_a_change_is_saved_and_the_password_stays(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(await reader.open(PAGE), FORM, retention="7d", auth="user\r\napop\r\n")
    assert page.path == "/accounts/acme/info"
    changed = await keys(api)
    assert (changed["retention"], changed["auth"]) == ("7d", ["user", "apop"])
    shown = await api.control.objects.show(Kind.ACCOUNT, "acme/info")
    assert [*shown.secrets] == ["password"]
    page = await reader.send(await reader.open(PAGE), FORM, retention="", auth="")
    assert {"retention", "auth"}.isdisjoint(await keys(api))


async def test_a_wrong_value_is_told_beside_its_field_and_kept(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(await reader.open(PAGE), FORM, retention="soon", password="new")
    assert page.status == 422
    field = page.one("#f-retention")
    assert (field["value"], field["aria-invalid"]) == ("soon", "true")
    assert page.texts("#f-retention-problem")
    assert not page.one("#f-password").get("value")
    assert "new" not in [each.get("value") for each in page.html.select("input")]


async def test_a_change_that_somebody_else_made_meanwhile_is_not_overwritten(
    api: Api, sign_in: SignIn
) -> None:
    reader = await sign_in("otto")
    page = await reader.open(PAGE)
    await api.control.objects.change(
        Kind.ACCOUNT, "acme/info", {"retention": "keep"}, Actor(Manager.API, "anna")
    )
    page = await reader.send(page, FORM, retention="7d")
    assert page.status == 412
    assert "Somebody else changed this meanwhile." in page.text
    assert (await keys(api))["retention"] == "keep"
    page = await reader.send(page, FORM)
    assert (page.status, (await keys(api))["retention"]) == (200, "7d")


async def test_an_owner_changes_its_source_and_nothing_else(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("olga")
    page = await reader.open(PAGE)
    assert page.html.select("#f-password")
    assert not page.html.select("#f-target,#f-recipient")
    page = await reader.send(page, FORM, target="elsewhere", retention="keep")
    assert (await keys(api))["target"] == "exchange"
    assert (await keys(api))["retention"] == "keep"
