"""The search of mails, and a mail's story."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.adapters.sql import open_store
from tests.fakes.api import Api
from tests.fakes.mail_lives import BOB, EVE, Lives
from tests.unit.control.console.conftest import SignIn


@pytest.fixture
async def lives(api: Api) -> AsyncIterator[Lives]:
    """Mails of acme/info."""
    store = open_store(f"sqlite://{api.database}")
    lives = Lives(store)
    await lives.lease(account="acme/info")
    yield lives
    await store.close()


async def test_a_mail_is_found_by_its_recipient_and_tells_its_story(lives: Lives, sign_in: SignIn) -> None:
    await lives.settled("uid 1")
    parked = await lives.routed("uid 2", EVE)
    await lives.park(parked, EVE)
    reader = await sign_in("sam")
    page = await reader.send(await reader.open("/messages"), "form[role=search]", q=EVE)
    assert page.texts("tbody .mail-state") == ["parked"]
    page = await reader.open(str(page.one("tbody td a[href^='/messages/']")["href"]))
    assert page.texts(".mail-verdict") == ["parked"]
    assert page.texts(".timeline-list li > div:nth-child(2) > div:first-child") == [
        "Fetched from acme/info",
        "Recipients found by Delivered-To",
        f"Delivery to {EVE} begun",
        "The target has answered",
    ]
    assert page.one(f"a[href='/parked/{parked}']").get_text(strip=True) == "Decide about it"


async def test_the_list_goes_on_page_by_page(lives: Lives, sign_in: SignIn) -> None:
    for number in range(51):
        await lives.routed(f"uid {number}", BOB)
    reader = await sign_in("otto")
    page = await reader.open("/messages?account=acme/info&state=underway")
    assert len(page.texts("tbody tr")) == 50
    page = await reader.open(str(page.one("a[rel=next]")["href"]))
    assert len(page.texts("tbody tr")) == 1
    assert (await reader.open("/messages?state=done")).texts(".empty-title") == ["No mail is like that"]
    assert (await reader.open("/messages?cursor=odd")).status == 400


async def test_mails_of_another_tenant_are_not_there(lives: Lives, sign_in: SignIn) -> None:
    message = await lives.routed("uid 1", BOB)
    reader = await sign_in("fred")
    assert (await reader.open("/messages")).texts("tbody tr") == []
    assert (await reader.open(f"/messages?q={BOB}")).texts("tbody tr") == []
    assert (await reader.open(f"/messages/{message}")).status == 404
    assert (await (await sign_in("olga")).open(f"/messages/{message}")).status == 200


async def test_lost_mails_have_a_page(lives: Lives, sign_in: SignIn) -> None:
    page = await (await sign_in("anna", **{"Accept-Language": "de"})).open("/lost")
    assert page.texts(".empty-title") == ["Keine Mail ging verloren"]


async def test_lists_of_found_and_of_lost_mails_lead_on(
    lives: Lives, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.control.console.pages.mails.PAGE", 2)
    lost = [await lives.routed(f"uid {number}", BOB) for number in range(3)]
    await lives.store.fetcher.record_gone(lives.fence, dict.fromkeys(lost, "taken away"), lives.now)
    reader = await sign_in("anna")
    for path in ("/lost", f"/messages?q={BOB}"):
        page = await reader.open(path)
        assert len(page.texts("tbody tr")) == 2
        rest = await reader.open(str(page.one("a[rel=next]")["href"]))
        assert (len(rest.texts("tbody tr")), rest.texts("a[rel=next]")) == (1, [])
