"""Login tests, explanations and the epoch by the API."""

from __future__ import annotations

from tests.fakes.api import Api

INFO = "/tenants/acme/accounts/info"


async def test_a_login_test_is_begun_and_asked_for_until_it_has_ended(api: Api) -> None:
    begun = await api.ask("owner", "POST", "/login-tests", {"account": "acme/info"})
    assert begun.status_code == 202
    place = begun.headers["Location"].removeprefix("/api/v1")
    while not (told := (await api.ask("owner", "GET", place)).json())["done"]:
        pass
    assert (told["ok"], told["step"]) == (False, "connect")
    assert (await api.ask("foreign admin", "GET", place)).status_code == 404


async def test_an_account_of_others_is_not_tried(api: Api) -> None:
    for caller in ("foreign admin", "owner"):
        account = "acme/info" if caller == "foreign admin" else "other/info"
        answer = await api.ask(caller, "POST", "/login-tests", {"account": account})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_it_is_explained_who_would_get_a_mail(api: Api) -> None:
    told = await api.ask("admin", "POST", f"{INFO}/explain", {"raw": "To: x@y.example\n\n"})
    assert told.json()["recipients"] == ["info@acme.example"]
    other = await api.ask("admin", "POST", "/tenants/acme/accounts/none/explain", {"raw": "x"})
    assert other.status_code == 404


async def test_the_server_of_an_address_is_found(api: Api) -> None:
    found = await api.ask("admin", "POST", "/autoconfig", {"address": "anna@gmail.com"})
    assert found.json()["items"][0]["host"] == "imap.gmail.com"
    wrong = await api.ask("admin", "POST", "/autoconfig", {"address": "anna"})
    assert wrong.json()["errors"][0]["field"] == "address"


async def test_the_epoch_is_shown_and_confirmed(api: Api) -> None:
    assert (await api.ask("operator", "GET", "/epoch")).json()["paused_since"] is None
    assert (await api.ask("operator", "POST", "/epoch/confirm")).status_code == 200
    assert (await api.ask("global support", "POST", "/epoch/confirm")).status_code == 403
