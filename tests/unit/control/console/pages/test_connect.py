"""The page of a connect link: it is opened as often as one likes, and tells when it cannot be used."""

from __future__ import annotations

from tests.unit.control.console.conftest import SignIn


async def test_a_link_is_made_for_an_own_account_and_opening_it_uses_nothing_up(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.open("/accounts/acme/info")
    page = await reader.send(page, "form[action='/accounts/acme/info/connect-link']")
    secret = page.one("code.secret").get_text().partition("#")[2]
    owner = await sign_in(None)
    for _ in range(2):
        page = await owner.send(await owner.open("/connect"), "form[data-link-sign-in]", secret=secret)
        assert page.status == 200
        assert page.html.select("#password")
    assert secret not in (await owner.open("/connect")).response.text


async def test_a_link_that_cannot_be_used_says_so(sign_in: SignIn) -> None:
    owner = await sign_in(None, **{"Accept-Language": "de"})
    page = await owner.send(await owner.open("/connect"), "form[data-link-sign-in]", secret="odd")
    assert page.status == 410
    assert "Bitten Sie den" in page.text


async def test_nobody_makes_links_for_accounts_of_others(sign_in: SignIn) -> None:
    fred = await sign_in("fred")
    page = await fred.open("/accounts")
    csrf = str(page.html.select("input[name=csrf]")[0]["value"])
    refused = await fred.client.post("/accounts/acme/info/connect-link", data={"csrf": csrf})
    assert refused.status_code == 404
