"""Webhooks: added with a secret that is shown once, looked at, removed; and the audit of it."""

from __future__ import annotations

from tests.unit.control.console.conftest import SignIn

ADD = "form[action='/webhooks/add']"
URL = "https://93.184.216.34/hook"


async def test_a_webhook_is_added_and_removed_and_both_are_in_the_audit(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/webhooks"), ADD, url=URL, event=["account.failing"])
    assert page.texts("code.secret")[0].startswith("mfwh_")
    page = await reader.open(str(page.one("td a[href^='/webhooks/']")["href"]))
    assert page.texts(".empty-title") == ["Nothing happened yet that it is told of"]
    page = await reader.send(page, "dialog#remove form", confirmed="another")
    assert page.texts(".notice-text") == ["Nothing was removed: the name was not repeated."]
    webhook = str(page.one("dialog#remove form")["action"]).split("/")[2]
    page = await reader.send(page, "dialog#remove form", confirmed=webhook)
    assert page.texts(".notice-text") == ["The webhook is removed."]
    audit = await reader.open("/audit")
    assert audit.texts("tbody td:nth-child(3)") == ["webhook.remove", "webhook.add"]
    assert f"url : {URL}" in audit.text


async def test_a_webhook_that_is_told_nothing_or_is_no_url_is_refused(sign_in: SignIn) -> None:
    reader = await sign_in("otto", **{"Accept-Language": "de"})
    page = await reader.send(await reader.open("/webhooks"), ADD, url=URL)
    assert page.texts(".notice-text") == ["Wählen Sie, was gemeldet wird."]
    page = await reader.send(await reader.open("/webhooks"), ADD, url="javascript:x", event=["target.down"])
    assert page.html.select(".alert-danger .notice-text")


async def test_a_webhook_of_another_tenant_is_not_there(sign_in: SignIn) -> None:
    anna, fred = await sign_in("anna"), await sign_in("fred")
    page = await anna.send(await anna.open("/webhooks"), ADD, url=URL, event=["account.failing"])
    path = str(page.one("td a[href^='/webhooks/']")["href"])
    assert (await fred.open(path)).status == 404
    assert (await fred.open("/webhooks")).html.select("td a[href^='/webhooks/']") == []
