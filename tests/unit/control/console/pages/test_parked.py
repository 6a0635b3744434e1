"""Parked mail: looked at, delivered again and given up, one by one and in bulk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.adapters.sql import open_store
from shared.contract.events import Payload
from shared.runtime.raw_mail import store_raw_mail
from tests.fakes.api import Api
from tests.fakes.mail_lives import BOB, EVE, Lives
from tests.unit.control.console.conftest import SignIn

HOSTILE = (
    b"From: =?utf-8?q?=3Cscript=3Ealert=281=29=3C/script=3E?= <x@evil.example>\r\n"
    b"Subject: =?utf-8?b?4oCuZXhlLmdwag==?= \x07 <img src=x onerror=alert(1)>\r\n"
    b"Content-Type: text/plain; charset=no-such-charset\r\n\r\n"
    b"Hello <script>alert(2)</script> \xff\r\n" + b"x" * 100_000
)


@pytest.fixture
async def lives(api: Api) -> AsyncIterator[Lives]:
    """Mails of acme/info."""
    store = open_store(f"sqlite://{api.database}")
    lives = Lives(store)
    await lives.lease(account="acme/info")
    yield lives
    await store.close()


async def parked(
    api: Api, lives: Lives, *addresses: str, raw: bytes = b"Subject: Hi\r\n\r\nHello\r\n"
) -> list[str]:
    made = []
    for number, address in enumerate(addresses):
        lives.now += 1
        message = await lives.routed(f"uid {number}", address)
        payload = Payload(octets=len(raw), inline=raw)
        blob = await store_raw_mail(api.control.context.blobs, message, payload)
        await lives.park(message, address, blob=blob)
        made.append(message)
    return made


async def test_chosen_mail_is_delivered_again_and_that_is_told(
    api: Api, lives: Lives, sign_in: SignIn
) -> None:
    messages = await parked(api, lives, BOB, EVE)
    reader = await sign_in("sam")
    page = await reader.open("/parked?code=550")
    assert len(page.texts("tbody tr")) == 2
    page = await reader.send(page, "form#chosen", recipient=[f"{messages[0]} {BOB}"])
    assert "1 recipients: to be delivered again." in page.texts(".notice-text")[0]
    assert len(page.texts("tbody tr")) == 1


async def test_all_that_matches_is_delivered_again_in_one_go(api: Api, lives: Lives, sign_in: SignIn) -> None:
    await parked(api, lives, BOB, EVE)
    reader = await sign_in("anna", **{"Accept-Language": "de"})
    page = await reader.send(await reader.open("/parked"), "div.after-list > form[action='/parked/retry']")
    assert "2 Empfänger: wird erneut zugestellt." in page.texts(".notice-text")[0]
    assert page.texts(".empty-title") == ["Nichts ist geparkt"]


async def test_nothing_chosen_changes_nothing(api: Api, lives: Lives, sign_in: SignIn) -> None:
    await parked(api, lives, BOB)
    reader = await sign_in("sam")
    page = await reader.send(await reader.open("/parked"), "form#chosen")
    assert page.texts(".notice-text") == ["No mail was chosen."]
    assert len(page.texts("tbody tr")) == 1


async def test_who_may_not_give_up_is_offered_nothing_and_refused(
    api: Api, lives: Lives, sign_in: SignIn
) -> None:
    [message] = await parked(api, lives, BOB)
    reader = await sign_in("sam")
    page = await reader.open("/parked")
    assert page.html.select("[formaction='/parked/discard']") == []
    csrf = str(page.one("form#chosen input[name=csrf]")["value"])
    refused = await reader.client.post(
        "/parked/discard", data={"csrf": csrf, "recipient": f"{message} {BOB}"}
    )
    assert refused.status_code == 403
    assert (await (await sign_in("fred")).open(f"/parked/{message}")).status == 404


async def test_a_mail_goes_to_another_address_or_is_given_up(api: Api, lives: Lives, sign_in: SignIn) -> None:
    first, second = await parked(api, lives, BOB, EVE)
    reader = await sign_in("anna")
    retry = f"form[action='/parked/{first}/retry']"
    page = await reader.send(await reader.open(f"/parked/{first}"), retry, destination="no address")
    assert page.texts(".notice-text") == ["This is no mail address: no address"]
    page = await reader.send(page, retry, destination="eve@corp.example")
    assert page.path == f"/messages/{first}"
    page = await reader.send(
        await reader.open(f"/parked/{second}"), f"form[action='/parked/{second}/discard']"
    )
    assert (page.path, page.texts(".notice-text")) == ("/parked", ["1 recipients: given up."])


async def test_a_hostile_mail_is_shown_as_text_and_reading_it_is_audited(
    api: Api, lives: Lives, sign_in: SignIn
) -> None:
    [message] = await parked(api, lives, BOB, raw=HOSTILE)
    reader = await sign_in("anna")
    page = await reader.open(f"/parked/{message}")
    assert page.html.select("pre") == []
    page = await reader.send(page, f"form[action='/parked/{message}/read']")
    assert page.html.select("script:not([src])") == []
    assert page.html.select("img[onerror]") == []
    assert "<script>alert(2)</script>" in page.one("pre").get_text()
    assert "\u202e" not in page.response.text
    assert "This is its beginning." in page.text
    audit = await api.ask("operator", "GET", "/audit?limit=1")
    assert audit.json()["items"][0]["action"] == "parked.read"
    raw = await reader.client.get(f"/parked/{message}/raw")
    assert (raw.content, raw.headers["content-type"]) == (HOSTILE, "message/rfc822")
    assert (await (await sign_in("sam")).open(f"/parked/{message}/raw")).status == 403
