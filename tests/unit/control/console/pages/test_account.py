"""An account's page says how it is doing, and what may be done."""

from __future__ import annotations

from tests.fakes.api import SETTINGS, Api
from tests.unit.control.console.conftest import SignIn

PAGE = "/accounts/acme/info"


async def test_the_page_shows_state_and_settings_but_no_secret(sign_in: SignIn) -> None:
    page = await (await sign_in("otto")).open(PAGE)
    assert page.texts("h1") == ["acme/info"]
    assert "Never tried" in page.text
    assert "pop3://127.0.0.1 · info" in page.text
    assert str(SETTINGS["password"]) not in page.response.text
    part = await (await sign_in("otto")).open(PAGE, HX_Request="true")
    assert not part.html.select("h1")
    assert "Never tried" in part.text


async def test_an_owner_is_offered_its_settings_alone(sign_in: SignIn) -> None:
    page = await (await sign_in("olga")).open(PAGE)
    assert page.texts(".page-header .btn") == ["Settings"]
    assert not page.html.select("dialog")
    assert (await (await sign_in("fred")).open(PAGE)).status == 404


async def test_removing_asks_for_the_name(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.open(PAGE)
    refused = await reader.send(page, "dialog form", confirmed="info")
    assert "the name was not repeated" in refused.text
    removed = await reader.send(page, "dialog form", confirmed="acme/info")
    assert removed.path == "/accounts"
    assert "acme/info is removed." in removed.text
    assert (await reader.open(PAGE)).status == 404


async def test_what_is_paused_is_resumed(sign_in: SignIn) -> None:
    reader = await sign_in("sam")
    page = await reader.send(await reader.open(PAGE), ".page-header form[action='/accounts/pause']")
    assert page.path == PAGE
    assert "Attention" in page.text
    page = await reader.send(page, ".page-header form[action='/accounts/resume']")
    assert "acme/info is visited again." in page.text
