"""Mails and parked recipients through the API: what is found, by whom, and what is done in bulk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.adapters.sql import open_store
from tests.fakes.api import Api
from tests.fakes.mail_lives import BOB, EVE, Lives

EVERYBODY = ("operator", "global support", "admin", "support", "owner", "auditor")


@pytest.fixture
async def lives(api: Api) -> AsyncIterator[Lives]:
    """Mails of acme/info."""
    store = open_store(f"sqlite://{api.database}")
    lives = Lives(store)
    await lives.lease(account="acme/info")
    yield lives
    await store.close()


async def found(api: Api, path: str, caller: str = "operator") -> dict[str, Any]:
    answer = await api.ask(caller, "GET", path)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def parked(lives: Lives, number: int) -> list[str]:
    messages = [await lives.routed(f"uid {each}", BOB) for each in range(number)]
    for message in messages:
        lives.now += 1
        await lives.park(message)
    return messages


async def test_mails_are_read_page_by_page_by_whoever_sees_the_account(api: Api, lives: Lives) -> None:
    messages = [await lives.routed(f"uid {number}", BOB) for number in range(3)]
    for caller in EVERYBODY:
        page = await found(api, "/messages?account=acme/info&limit=2", caller)
        assert [each["id"] for each in page["items"]] == messages[:0:-1]
        rest = await found(api, f"/messages?account=acme/info&limit=2&cursor={page['next']}", caller)
        assert ([each["id"] for each in rest["items"]], rest["next"]) == (messages[:1], None)
    assert (await found(api, "/messages", "foreign admin"))["items"] == []
    assert (await found(api, "/messages?account=acme/info", "foreign admin"))["items"] == []
    assert (await found(api, "/messages?tenant=acme", "foreign admin"))["items"] == []


async def test_mails_found_by_a_text_and_lost_ones_are_read_page_by_page(api: Api, lives: Lives) -> None:
    messages = [await lives.routed(f"uid {number}", BOB) for number in range(3)]
    await lives.store.fetcher.record_gone(lives.fence, dict.fromkeys(messages, "taken away"), lives.now)
    for path, expected in ((f"/messages?q={BOB}&", messages[::-1]), ("/lost?", messages)):
        for caller in EVERYBODY:
            page = await found(api, f"{path}limit=2", caller)
            assert [each["id"] for each in page["items"]] == expected[:2]
            rest = await found(api, f"{path}limit=2&cursor={page['next']}", caller)
            assert ([each["id"] for each in rest["items"]], rest["next"]) == (expected[2:], None)
        assert (await found(api, path, "foreign admin"))["items"] == []
    assert (await api.ask("operator", "GET", "/lost?cursor=%7B")).status_code == 400


async def test_everything_that_is_given_has_to_match(api: Api, lives: Lives) -> None:
    to_bob, to_eve = await lives.routed("uid 1", BOB), await lives.routed("uid 2", EVE)
    assert [each["id"] for each in (await found(api, f"/messages?to={EVE}"))["items"]] == [to_eve]
    assert [each["id"] for each in (await found(api, f"/messages?q={BOB}"))["items"]] == [to_bob]
    assert (await found(api, f"/messages?to={EVE}&status=settled"))["items"] == []
    assert (await found(api, f"/messages?q={EVE}&status=settled"))["items"] == []
    assert len((await found(api, "/messages?until=2099-01-01T00:00:00Z"))["items"]) == 2
    assert (await found(api, "/messages?since=2099-01-01T00:00:00Z"))["items"] == []
    for wrong in ("status=odd", "since=yesterday", "account=acme", "cursor=%7B"):
        assert (await api.ask("operator", "GET", f"/messages?{wrong}")).status_code in {400, 422}


async def test_parked_mail_is_retried_and_given_up_in_bulk_and_audited(api: Api, lives: Lives) -> None:
    messages = await parked(lives, 3)
    only = await found(api, "/parked?account=acme/info&code=550&limit=2")
    assert [each["mail"] for each in only["items"]] == messages[:2]
    rest = await found(api, f"/parked?account=acme/info&limit=2&cursor={only['next']}")
    assert [each["mail"] for each in rest["items"]] == messages[2:]
    wanted = {"account": "acme/info", "code": "550"}
    counted = await api.ask("support", "POST", "/parked/retry", {**wanted, "dry_run": True})
    assert counted.json() == {"matched": 3, "changed": [], "refused": [], "more": False}
    retried = (await api.ask("support", "POST", "/parked/retry", wanted)).json()
    assert [each["mail"] for each in retried["changed"]] == messages
    assert (await found(api, "/parked"))["items"] == []
    audit = await found(api, "/audit?limit=1")
    assert (audit["items"][0]["action"], audit["items"][0]["after"]["changed"]) == ("parked.retry", 3)


async def test_a_change_in_bulk_reaches_no_mail_of_others(api: Api, lives: Lives) -> None:
    [message] = await parked(lives, 1)
    foreign = await api.ask("foreign admin", "POST", "/parked/discard", {"all": True})
    assert (foreign.json()["matched"], foreign.json()["changed"]) == (0, [])
    assert (await api.ask("support", "POST", "/parked/discard", {"all": True})).status_code == 403
    given_up = await api.ask("admin", "POST", "/parked/discard", {"all": True})
    assert given_up.json()["changed"] == [{"mail": message, "address": BOB}]


async def test_a_change_in_bulk_that_names_nothing_is_refused(api: Api) -> None:
    refused = await api.ask("operator", "POST", "/parked/discard", {"dry_run": True})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "all"
    wrong = await api.ask("operator", "POST", "/parked/retry", {"all": True, "destination": "no address"})
    assert wrong.status_code == 422


async def test_what_nobody_is_known_to_get_stays_parked_and_says_why(api: Api, lives: Lives) -> None:
    message = await lives.routed("uid 1", "")
    await lives.park(message, "")
    tried = (await api.ask("operator", "POST", "/parked/retry", {"all": True})).json()
    assert tried["changed"] == []
    assert "name an address" in tried["refused"][0]["why"]
