"""Webhooks by the API: their secret is shown once, and nobody sees those of others."""

from __future__ import annotations

from tests.fakes.api import Api

NEW = {"url": "https://crm.acme.example/hook", "events": ["account.failing"], "tenant": "acme"}


async def test_a_webhook_is_added_changed_and_removed(api: Api) -> None:
    made = await api.ask("admin", "POST", "/webhooks", NEW)
    secret, place = made.json()["secret"], f"/webhooks/{made.json()['id']}"
    shown = await api.ask("admin", "GET", place)
    assert secret not in shown.text
    tag = shown.headers["ETag"]
    assert (await api.ask("admin", "PATCH", place, {"enabled": False}, If_Match=tag)).status_code == 200
    assert (await api.ask("admin", "PATCH", place, {"enabled": True}, If_Match=tag)).status_code == 412
    assert (await api.ask("admin", "GET", f"{place}/deliveries")).json() == {"items": []}
    assert (await api.ask("admin", "DELETE", place, If_Match="*")).status_code == 204
    assert (await api.ask("admin", "GET", place)).status_code == 404


async def test_nobody_has_a_webhook_for_others(api: Api) -> None:
    place = f"/webhooks/{(await api.ask('admin', 'POST', '/webhooks', NEW)).json()['id']}"
    assert (await api.ask("foreign admin", "GET", place)).status_code == 404
    assert (await api.ask("foreign admin", "DELETE", place, If_Match="*")).status_code == 404
    for tenant in ("acme", None):
        answer = await api.ask("foreign admin", "POST", "/webhooks", {**NEW, "tenant": tenant})
        assert answer.json()["code"] == "grant_refused"


async def test_what_is_no_url_is_refused(api: Api) -> None:
    answer = await api.ask("admin", "POST", "/webhooks", {**NEW, "url": "ftp://x.example"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
