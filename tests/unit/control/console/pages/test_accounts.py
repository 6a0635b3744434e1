"""Accounts are listed, filtered and acted upon, as far as the reader may."""

from __future__ import annotations

import pytest

from shared.model.spec import Kind, Manager
from shared.operations.objects import Actor
from tests.fakes.api import SETTINGS, Api
from tests.unit.control.console.conftest import SignIn

CHOSEN = "form:has(.choice-bar)"


async def add(api: Api, *names: str) -> None:
    keys = [{"tenant": "acme", "name": name, **SETTINGS} for name in names]
    added = await api.control.objects.add_all(Kind.ACCOUNT, keys, Actor(Manager.API, "test"))
    assert all(isinstance(each, str) for each in added)


async def test_everybody_sees_the_accounts_that_are_its_own(api: Api, sign_in: SignIn) -> None:
    await add(api, "sales")
    seen = {}
    for name in ("otto", "anna", "olga", "fred"):
        page = await (await sign_in(name)).open("/accounts")
        seen[name] = page.texts("td.name-cell")
    assert seen == {
        "otto": ["acme/info", "acme/sales", "other/info"],
        "anna": ["acme/info", "acme/sales"],
        "olga": ["acme/info"],
        "fred": ["other/info"],
    }
    foreign = await (await sign_in("fred")).open("/accounts?tenant=acme&q=info")
    assert foreign.texts("td.name-cell") == []


async def test_the_list_is_searched_and_filtered_by_light(api: Api, sign_in: SignIn) -> None:
    await add(api, "sales", "Sales-2")
    reader = await sign_in("otto")
    assert (await reader.open("/accounts?q=SALES")).texts("td.name-cell") == ["acme/Sales-2", "acme/sales"]
    assert (await reader.open("/accounts?q=%25")).texts("td.name-cell") == []
    assert (await reader.open("/accounts?light=red")).texts("td.name-cell") == []
    page = await reader.open("/accounts?light=white&tenant=acme")
    assert page.texts("td.name-cell") == ["acme/Sales-2", "acme/info", "acme/sales"]
    assert page.texts(".chip[aria-current]") == ["Never tried 3"]


async def test_a_long_list_has_a_page_after_the_first(api: Api, sign_in: SignIn) -> None:
    await add(api, *(f"box{number:03d}" for number in range(60)))
    reader = await sign_in("otto")
    page = await reader.open("/accounts?tenant=acme")
    names = page.texts("td.name-cell")
    while page.html.select("a[rel=next]"):
        page = await reader.open(str(page.one("a[rel=next]")["href"]))
        names += page.texts("td.name-cell")
    assert len(names) == 61
    assert names == sorted({*names})
    assert (await reader.open("/accounts?cursor=abc")).status == 400


async def test_chosen_accounts_are_paused_and_that_is_undone(api: Api, sign_in: SignIn) -> None:
    await add(api, "sales", "press")
    reader = await sign_in("sam")
    page = await reader.open("/accounts?q=s")
    page = await reader.send(page, CHOSEN, action="/accounts/pause", account=["acme/sales", "acme/press"])
    assert page.path == "/accounts?q=s"
    assert "2 accounts are paused." in page.text
    assert [each.scope for each in await api.control.context.store.pauses()] == ["acme/press", "acme/sales"]
    assert "paused since" in page.text.lower()
    page = await reader.send(page, ".notice form")
    assert "2 accounts are visited again." in page.text
    assert await api.control.context.store.pauses() == []
    done = [each.action for each in await api.control.context.access.audit(None, 0, 10)]
    assert sorted(done) == ["account.pause"] * 2 + ["account.resume"] * 2


async def test_a_notice_is_shown_once_and_only_in_its_session(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(
        await reader.open("/accounts"), CHOSEN, action="/accounts/check", account="acme/info"
    )
    assert "acme/info is checked now." in page.text
    assert "checked now" not in (await reader.open("/accounts")).text


@pytest.mark.parametrize("account", ["other/info", "acme/none", "x", ""])
async def test_what_is_not_there_for_the_reader_is_not_acted_upon(
    api: Api, sign_in: SignIn, account: str
) -> None:
    reader = await sign_in("anna")
    page = await reader.send(
        await reader.open("/accounts"), CHOSEN, action="/accounts/pause", account=["acme/info", account]
    )
    assert page.status == 404
    assert await api.control.context.store.pauses() == []


async def test_who_may_only_read_is_offered_no_act_and_refused_one(sign_in: SignIn) -> None:
    reader = await sign_in("arno")
    page = await reader.open("/accounts")
    assert not page.html.select("input[name=account]")
    sent = {"csrf": str(page.html.select("input[name=csrf]")[0]["value"]), "account": "acme/info"}
    assert (await reader.client.post("/accounts/pause", data=sent)).status_code == 403
    assert (await reader.client.post("/accounts/disable", data=sent)).status_code == 403


async def test_an_act_without_a_choice_says_so(sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(await reader.open("/accounts"), CHOSEN, action="/accounts/pause")
    assert "No account was chosen." in page.text
