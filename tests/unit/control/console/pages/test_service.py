"""Everything is paused once a word is typed; a tenant by a button; and both can be taken back."""

from __future__ import annotations

from shared.adapters.sql import open_store
from shared.contract.topology import ROUTER_QUEUE
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn

NOTICE = ".notice-text"


async def scopes(api: Api) -> list[str]:
    return [each.scope for each in await api.control.context.store.pauses()]


async def test_everything_is_paused_once_the_word_is_typed(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    pausing = "form[action='/service/pause']"
    page = await reader.send(await reader.open("/service"), pausing, confirmed="everything")
    assert page.texts(NOTICE) == ["Nothing was changed: the word was not repeated."]
    assert await scopes(api) == []
    page = await reader.send(page, pausing, confirmed="all")
    assert page.texts("#pauses td.name-cell") == ["everything"]
    assert await scopes(api) == ["*"]
    page = await reader.send(page, ".card-body form[action='/service/resume']")
    assert page.texts(NOTICE) == ["All accounts are visited again."]
    assert await scopes(api) == []


async def test_a_tenant_is_paused_and_that_is_taken_back(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/tenants"), "form[action='/tenants/pause']")
    assert await scopes(api) == ["acme/"]
    assert "Paused: its mailboxes are not visited." in page.text
    page = await reader.send(page, ".notice form")
    assert page.texts(NOTICE) == ["The accounts of acme are visited again."]
    assert await scopes(api) == []


async def test_the_page_is_for_operators(sign_in: SignIn) -> None:
    assert (await (await sign_in("anna")).open("/service")).status == 403
    reader = await sign_in("gus")
    assert (await reader.open("/service")).texts("form[action='/service/pause']") == []


async def test_the_queues_of_the_broker_and_busy_hosts_are_shown(api: Api, sign_in: SignIn) -> None:
    now = api.control.context.clock.now()
    store = open_store(f"sqlite://{api.database}")
    await store.fetcher.lease_these("me", ["acme/info"], now, now + 60)
    await store.close()
    page = await (await sign_in("otto")).open("/service")
    assert {ROUTER_QUEUE, "127.0.0.1"} <= {*page.texts("td.name-cell")}
