"""Events are read from any place on, by those who may, and as they happen."""

from __future__ import annotations

import asyncio

import pytest

from services.control.problems import Problem
from services.control.resources import events
from services.control.resources.events import event_lines
from services.control.streams import MOST_OF_ONE, Streams
from shared.access import Principal, Role
from shared.operations.events import EventFeed
from shared.operations.permitting import NotVisible
from shared.ports.store.events import ConditionChange, EventRecord
from tests.fakes.api import Api

SECONDS = 40.0


async def allowed() -> bool:
    return True


async def happen(api: Api, *subjects: str) -> None:
    for name in subjects:
        tenant = name.partition("/")[0] if "/" in name else None
        event = EventRecord(20.0, "account.failing", name, tenant, name if tenant else None, "No password.")
        change = ConditionChange(f"account {name}", None, 20.0, event)
        await api.control.context.events.record_changes([change])


async def subjects(api: Api, caller: str, query: str = "") -> list[str]:
    answer = await api.ask(caller, "GET", f"/events{query}")
    assert answer.status_code == 200, answer.text
    return [each["subject"] for each in answer.json()["items"]]


async def test_each_reads_the_events_that_are_his_to_see(api: Api) -> None:
    await happen(api, "acme/info", "acme/sales", "other/info", "exchange")
    assert await subjects(api, "operator") == ["acme/info", "acme/sales", "other/info", "exchange"]
    assert await subjects(api, "operator", "?tenant=other") == ["other/info"]
    assert await subjects(api, "global support") == ["acme/info", "acme/sales", "other/info", "exchange"]
    for caller in ("admin", "support", "auditor"):
        assert await subjects(api, caller) == ["acme/info", "acme/sales"]
    assert await subjects(api, "owner") == ["acme/info"]
    assert await subjects(api, "foreign admin") == ["other/info"]
    for path in ("/events?tenant=other", "/events/stream?tenant=other"):
        assert (await api.ask("admin", "GET", path)).status_code == 404


async def test_a_cursor_leads_on_also_where_nothing_has_happened_since(api: Api) -> None:
    await happen(api, "acme/a", "acme/b")
    first = (await api.ask("admin", "GET", "/events?limit=1")).json()
    assert [each["subject"] for each in first["items"]] == ["acme/a"]
    rest = (await api.ask("admin", "GET", f"/events?cursor={first['next']}")).json()
    assert [each["subject"] for each in rest["items"]] == ["acme/b"]
    await happen(api, "acme/c")
    assert await subjects(api, "admin", f"?cursor={rest['next']}") == ["acme/c"]
    assert rest["items"][0]["id"] == rest["next"]


async def test_the_events_of_an_account_are_for_those_who_see_it(api: Api) -> None:
    await happen(api, "acme/info", "acme/sales")
    owner = Principal("ada", Role.OWNER, "acme", frozenset({"acme/sales"}))
    feed = EventFeed(api.control.context, owner)
    assert [each.subject for each in await feed.of_account("acme/sales", 5)] == ["acme/sales"]
    for hidden in ("acme/info", "other/info"):
        with pytest.raises(NotVisible):
            await feed.of_account(hidden, 5)


async def test_a_stream_sends_what_happens_and_ends_with_the_process(api: Api) -> None:
    await happen(api, "acme/before")
    feed = EventFeed(api.control.context, Principal("otto", Role.OPERATOR))
    lines = event_lines(api.control, feed, allowed, await feed.newest(), None)
    async with asyncio.timeout(SECONDS):
        assert await anext(lines) == "retry: 3000\n\n"
        await happen(api, "acme/now")
        sent = await anext(lines)
        assert sent.startswith("id: ")
        assert "\nevent: account.failing\ndata: {" in sent
        assert "acme/now" in sent
        api.control.streams.are_ending = True
        assert [line async for line in lines] == []


async def test_a_stream_ends_soon_after_the_token_of_its_reader(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SIGN_OF_LIFE", 1)
    [token] = [each for each in await api.control.tokens.list() if each.name == "admin"]
    async with asyncio.timeout(SECONDS):
        reading = asyncio.ensure_future(api.ask("admin", "GET", "/events/stream"))
        while api.control.streams.are_open == 0:  # noqa: ASYNC110 - nothing tells that a stream has begun
            await asyncio.sleep(0)
        await api.control.tokens.revoke(token.id)
        answer = await reading
    assert answer.text.startswith("retry: 3000")
    assert api.control.streams.are_open == 0


def test_who_has_enough_streams_gets_no_more() -> None:
    streams = Streams()
    others = [streams.opened("ada") for _ in range(MOST_OF_ONE)]
    for each in others:
        streams.check("ada")
        each.__enter__()
    with pytest.raises(Problem) as refused:
        streams.check("ada")
    streams.check("otto")
    others[0].__exit__(None, None, None)
    streams.check("ada")
    assert refused.value.status == 429
