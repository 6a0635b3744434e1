"""The overview shows what its reader may know."""

from __future__ import annotations

from shared.adapters.sql import open_store
from tests.fakes.api import Api, use
from tests.fakes.mail_lives import EVE, Lives
from tests.unit.control.console.conftest import SignIn


async def test_lights_come_first_and_problems_with_what_to_do(api: Api, sign_in: SignIn) -> None:
    await api.control.context.store.pause_scope("acme/info", api.control.context.clock.now())
    reader = await sign_in("anna")
    page = await reader.open("/")
    assert page.texts("a.tile") == ["0 Failing", "1 Attention", "0 Never tried", "0 Working"]
    assert page.texts(".problem-text a") == ["acme/info"]
    page = await reader.send(page, ".problem-do form")
    assert page.path == "/"
    assert page.texts("a.tile") == ["0 Failing", "0 Attention", "1 Never tried", "0 Working"]


async def test_an_owner_sees_its_accounts_and_no_numbers_of_others(sign_in: SignIn) -> None:
    page = await (await sign_in("olga")).open("/")
    assert page.texts("a.tile")[2] == "1 Never tried"
    assert not page.html.select("#mails,#targets")


async def test_deletion_is_allowed_again_by_an_operator_who_repeats_the_word(
    api: Api, sign_in: SignIn
) -> None:
    store = api.control.context.store
    await store.pause_deletion("the database was restored", api.control.context.clock.now())
    assert "Nothing is deleted" not in (await (await sign_in("anna")).open("/")).text
    seen = await (await sign_in("gus")).open("/")
    assert "Nothing is deleted at the sources." in seen.text
    assert not seen.html.select("dialog")
    reader = await sign_in("otto")
    page = await reader.open("/")
    page = await reader.send(page, "dialog form", confirmed="yes")
    assert (await store.epoch()).paused_since is not None
    page = await reader.send(page, "dialog form", confirmed="delete")
    assert "Mail is deleted at the sources again." in page.text
    assert (await store.epoch()).paused_since is None


async def test_parked_mail_leads_to_where_it_is_decided(api: Api, sign_in: SignIn) -> None:
    await use(api, "acme/info", mails=1)
    store = open_store(f"sqlite://{api.database}")
    lives = Lives(store)
    await lives.lease(account="acme/info")
    await lives.park(await lives.routed("uid 1", EVE), EVE)
    await store.close()
    reader = await sign_in("anna")
    page = await reader.open("/")
    deciding = page.one("a[href='/parked?account=acme/info']")
    assert deciding.get_text(strip=True) == "Decide about its parked mail"
    assert EVE in (await reader.open(str(deciding["href"]))).text
