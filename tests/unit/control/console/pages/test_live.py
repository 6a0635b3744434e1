"""What happened is shown to those it concerns, and leads to what it happened to."""

from __future__ import annotations

import pytest

from services.control.console.pages.live import TITLES, line_of
from shared.operations.events import Event
from shared.ports.store.events import ConditionChange, EventRecord
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn


async def happen(api: Api, event: Event, account: str) -> None:
    happened = EventRecord(20.0, event, account, account.partition("/")[0], account, "Look <b>here</b>.")
    await api.control.context.events.record_changes([ConditionChange(account, None, 20.0, happened)])


async def test_each_sees_what_concerns_him_the_newest_first(api: Api, sign_in: SignIn) -> None:
    await happen(api, Event.ACCOUNT_FAILING, "acme/info")
    await happen(api, Event.MESSAGE_PARKED, "acme/sales")
    await happen(api, Event.ACCOUNT_FAILING, "other/info")
    shown = {
        name: (await (await sign_in(name)).open("/live")).texts("td.name-cell a")
        for name in ("otto", "anna", "olga", "fred")
    }
    assert shown == {
        "otto": ["other/info", "acme/sales", "acme/info"],
        "anna": ["acme/sales", "acme/info"],
        "olga": ["acme/info"],
        "fred": ["other/info"],
    }
    page = await (await sign_in("otto")).open("/live?tenant=acme")
    assert page.texts("td.foreign")[0] == "Look <b>here</b>."
    assert page.html.select("td.name-cell a")[0]["href"] == "/parked?account=acme/sales"


async def test_the_page_of_an_account_has_its_history(api: Api, sign_in: SignIn) -> None:
    await happen(api, Event.ACCOUNT_FAILING, "acme/info")
    page = await (await sign_in("olga")).open("/accounts/acme/info")
    assert "What happened" in page.texts("h2")


@pytest.mark.parametrize("event", Event)
def test_every_event_has_a_title_and_a_light(event: Event) -> None:
    colour, title = TITLES[event]
    assert colour in {"red", "yellow", "green"}
    assert line_of(EventRecord(1.0, event, "x")).title == title
