"""The page of usage: a plot, a table, and the same for a spreadsheet."""

from __future__ import annotations

from tests.fakes.api import Api, use
from tests.unit.control.console.conftest import SignIn


async def test_the_page_has_a_bar_for_each_day_and_a_row_for_each_tenant(api: Api, sign_in: SignIn) -> None:
    await use(api, "acme/info", 3)
    await use(api, "other/info", 5)
    page = await (await sign_in("otto")).open("/usage?days=7")
    assert len(page.html.select("svg.plot rect")) == 7
    assert page.texts("tbody tr td:first-child") == ["other", "acme"]
    own = await (await sign_in("anna")).open("/usage")
    assert own.texts("tbody tr td:first-child") == ["acme"]
    table = await (await sign_in("anna")).client.get("/usage?format=csv")
    assert table.text.splitlines()[1].startswith("acme,")
