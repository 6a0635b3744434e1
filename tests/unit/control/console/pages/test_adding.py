"""Adding an account: what is entered is kept, what is wrong is told, and nobody adds to another tenant."""

from __future__ import annotations

from shared.oauth.app import OAuthApp
from shared.oauth.providers import MICROSOFT
from shared.ports.store.oauth import AppWrite
from shared.runtime.oauth.apps import spec_of_app
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn

FORM = "form#add"


async def test_the_server_of_a_known_provider_is_shown_before_a_password_is_asked_for(
    sign_in: SignIn,
) -> None:
    reader = await sign_in("anna")
    page = await reader.send(
        await reader.open("/new-account"), "form[action='/new-account']", address="bob@gmail.com"
    )
    assert "imap.gmail.com" in page.texts(".found")[0]
    assert page.one("#username")["value"] == "bob@gmail.com"
    assert page.texts("#target option") == ["exchange"]


async def test_what_is_no_address_is_refused(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/new-account"), "form[action='/new-account']", address="bob")
    assert (page.status, page.texts("[role=alert]")) == (422, ["This is no mail address."])


async def test_an_account_is_saved_in_the_own_tenant_and_its_password_is_not_in_the_page(
    api: Api, sign_in: SignIn
) -> None:
    reader = await sign_in("anna")
    page = await reader.send(
        await reader.open("/new-account"), "form[action='/new-account']", address="bob@gmail.com"
    )
    wrong = await reader.send(page, FORM, password="canary-5d", retention="often")
    assert wrong.status == 422
    assert wrong.html.select(".field-problem")
    assert "canary-5d" not in wrong.response.text
    page = await reader.send(wrong, FORM, password="canary-5d", retention="7d", tenant="other")
    assert page.path == "/accounts/acme/bob"
    shown = (await api.ask("admin", "GET", "/tenants/acme/accounts/bob")).json()
    assert (shown["settings"]["retention"], shown["settings"]["recipient"]) == ("7d", "bob@gmail.com")
    assert (shown["settings"]["provider"], shown["settings"]["source"]) == ("gmail", "imaps://imap.gmail.com")


async def test_a_mailbox_that_takes_tokens_only_is_signed_in_to_by_an_app(api: Api, sign_in: SignIn) -> None:
    oauth, now = api.control.context.oauth, api.control.context.clock.now()
    for app, tenant in (("ours", "acme"), ("theirs", "other")):
        spec = spec_of_app(OAuthApp(app, "id", MICROSOFT, tenant=tenant), None)
        await oauth.store.put_app(AppWrite(app, spec), now)
    reader = await sign_in("anna")
    page = await reader.send(
        await reader.open("/new-account"), "form[action='/new-account']", address="bob@outlook.com"
    )
    assert [each["value"] for each in page.html.select("#oauth_app option")] == ["", "ours"]
    assert page.one("#oauth_app option[selected]")["value"] == "ours"
    page = await reader.send(page, FORM)
    assert page.path == "/accounts/acme/bob"
    assert "Its owner has still to sign in" in page.texts(".notice-text")[0]
    settings = (await api.ask("admin", "GET", "/tenants/acme/accounts/bob")).json()["settings"]
    assert (settings["auth"], settings["oauth_app"]) == ("oauth", "ours")


async def test_without_an_app_it_is_said_that_a_server_takes_no_passwords(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(
        await reader.open("/new-account"), "form[action='/new-account']", address="bob@outlook.com"
    )
    assert "takes no passwords" in page.texts("[role=alert]")[0]


async def test_who_may_not_add_accounts_has_no_such_page(sign_in: SignIn) -> None:
    for name in ("sam", "olga", "arno"):
        assert (await (await sign_in(name)).open("/new-account")).status == 403


async def test_a_catch_all_has_its_domains(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(
        await reader.open("/new-account"), "form[action='/new-account']", address="all@gmail.com"
    )
    values = {"mailbox": "catch-all", "domain": "a.example, b.example", "postmaster": "pm@a.example"}
    page = await reader.send(page, FORM, password="x", **values)
    assert page.path == "/accounts/acme/all"
    settings = (await api.ask("admin", "GET", "/tenants/acme/accounts/all")).json()["settings"]
    assert settings["domains"] == {"a.example": "keep", "b.example": "keep"}
    assert settings["unknown_recipients"] == "pm@a.example"
    assert "recipient" not in settings
