"""A POST with an `Idempotency-Key` is carried out once; objects are changed only as they were read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.control.app import PREFIX
from tests.fakes.api import SETTINGS, Api

ACCOUNTS = "/tenants/acme/accounts"
INFO = f"{ACCOUNTS}/info"
NEW: dict[str, Any] = {"name": "sales", **SETTINGS}


async def test_a_repeated_request_is_carried_out_once(api: Api) -> None:
    first = await api.ask("admin", "POST", ACCOUNTS, NEW, Idempotency_Key="k1")
    again = await api.ask("admin", "POST", ACCOUNTS, NEW, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await api.ask("admin", "POST", ACCOUNTS, NEW)).json()["code"] == "already_exists"


async def test_a_key_is_for_one_body_and_one_caller(api: Api) -> None:
    await api.ask("admin", "POST", ACCOUNTS, NEW, Idempotency_Key="k1")
    other = await api.ask("admin", "POST", ACCOUNTS, {**NEW, "name": "b"}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    operator = await api.ask("operator", "POST", ACCOUNTS, {**NEW, "name": "b"}, Idempotency_Key="k1")
    assert operator.status_code == 201


async def test_a_refusal_is_repeated_too(api: Api) -> None:
    bad = {**NEW, "source": "ftp://host"}
    first = await api.ask("admin", "POST", ACCOUNTS, bad, Idempotency_Key="k2")
    again = await api.ask("admin", "POST", ACCOUNTS, bad, Idempotency_Key="k2")
    assert first.status_code == again.status_code == 422
    assert first.json() == again.json()
    assert first.json()["errors"][0]["field"] == "source"


async def test_a_secret_is_not_kept_to_be_shown_again(api: Api) -> None:
    new = {"name": "x", "role": "admin", "tenant": "acme"}
    first = await api.ask("admin", "POST", "/tokens", new, Idempotency_Key="k4")
    again = await api.ask("admin", "POST", "/tokens", new, Idempotency_Key="k4")
    assert (again.status_code, again.json()["code"]) == (409, "shown_once")
    files = [each for each in api.database.parent.iterdir() if each.is_file()]
    assert api.database in files
    kept = b"".join(each.read_bytes() for each in files)
    assert first.json()["id"].encode() in kept
    assert first.json()["secret"].encode() not in kept


async def test_of_many_equal_requests_at_once_one_is_carried_out(api: Api) -> None:
    asked = (api.ask("admin", "POST", ACCOUNTS, NEW, Idempotency_Key="k3") for _ in range(10))
    codes = [each.status_code for each in await asyncio.gather(*asked)]
    assert set(codes) <= {201, 409}
    assert 201 in codes
    kept = await api.ask("admin", "POST", ACCOUNTS, NEW, Idempotency_Key="k3")
    assert kept.status_code == 201


async def test_an_object_is_changed_only_as_it_was_read(api: Api) -> None:
    read = await api.ask("admin", "GET", INFO)
    tag = read.headers["ETag"]
    without = await api.ask("admin", "PATCH", INFO, {"poll": "5m"})
    assert (without.status_code, without.json()["code"]) == (428, "if_match_required")
    changed = await api.ask("admin", "PATCH", INFO, {"poll": "5m"}, If_Match=tag)
    assert changed.status_code == 200
    late = await api.ask("admin", "PATCH", INFO, {"poll": "6m"}, If_Match=tag)
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    assert (await api.ask("admin", "DELETE", INFO, If_Match=tag)).status_code == 412
    assert (await api.ask("admin", "DELETE", INFO, If_Match=changed.headers["ETag"])).status_code == 204
    assert (await api.ask("admin", "GET", INFO)).status_code == 404


async def test_of_fifty_writers_one_wins_and_the_others_are_told(api: Api) -> None:
    tag = (await api.ask("admin", "GET", INFO)).headers["ETag"]
    asked = (api.ask("admin", "PATCH", INFO, {"poll": f"{n + 60}s"}, If_Match=tag) for n in range(50))
    answers = await asyncio.gather(*asked)
    assert sorted(each.status_code for each in answers) == [200] + [412] * 49
    winner = next(each for each in answers if each.status_code == 200)
    now = (await api.ask("admin", "GET", INFO)).json()
    assert now["settings"]["poll"] == winner.json()["settings"]["poll"]


async def test_secrets_are_never_given_back(api: Api) -> None:
    answers = [
        await api.ask("admin", "GET", INFO),
        await api.ask("admin", "PATCH", INFO, {"password": SETTINGS["password"]}, If_Match="*"),
        await api.ask("admin", "POST", ACCOUNTS, {**NEW, "password": SETTINGS["password"]}),
        await api.ask("operator", "GET", "/audit"),
        await api.ask("admin", "POST", ACCOUNTS, {**NEW, "password": [SETTINGS["password"]], "name": "c"}),
    ]
    for answer in answers:
        assert str(SETTINGS["password"]) not in answer.text
    assert "password" in answers[0].json()["secrets"]


@pytest.mark.parametrize(
    "body", [b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b"{", b"[]", b"\xff", b'{"a": NaN}']
)
async def test_a_body_that_no_database_can_hold_is_refused(api: Api, body: bytes) -> None:
    head = {"Authorization": f"Bearer {api.tokens['admin']}", "Content-Type": "application/json"}
    answer = await api.client.post(PREFIX + ACCOUNTS, content=body, headers=head)
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_list_is_read_page_by_page_by_a_cursor_that_says_nothing(api: Api) -> None:
    for number in range(5):
        await api.ask("admin", "POST", ACCOUNTS, {**NEW, "name": f"a{number}"})
    names: list[str] = []
    path = f"{ACCOUNTS}?limit=2"
    while path:
        page = (await api.ask("admin", "GET", path)).json()
        names += [each["name"] for each in page["items"]]
        path = f"{ACCOUNTS}?limit=2&cursor={page['next']}" if page["next"] else ""
    assert names == ["a0", "a1", "a2", "a3", "a4", "info"]
    for cursor in ("x", "WzFd", "W10", "bnVsbA", "%00", "é"):
        answer = await api.ask("admin", "GET", f"{ACCOUNTS}?cursor={cursor}")
        assert answer.status_code == 400
