"""Usage through the API: by tenant and day, as JSON and as CSV."""

from __future__ import annotations

from tests.fakes.api import Api, use

DAY = 86400.0


async def test_a_tenant_sees_its_own_days_and_an_operator_all(api: Api) -> None:
    await use(api, "acme/info", 3)
    await use(api, "other/info", 5)
    own = (await api.ask("admin", "GET", "/usage")).json()
    assert [(each["tenant"], each["mails"], each["octets"]) for each in own["items"]] == [("acme", 3, 3000)]
    everything = (await api.ask("operator", "GET", "/usage")).json()
    assert [each["tenant"] for each in everything["items"]] == ["acme", "other"]
    assert (await api.ask("admin", "GET", "/usage?tenant=other")).status_code == 404
    assert (await api.ask("owner", "GET", "/usage")).status_code == 403


async def test_days_are_chosen_and_written_as_a_table(api: Api) -> None:
    await use(api, "acme/info", 3, ago=40 * DAY)
    await use(api, "acme/info", 4)
    assert len((await api.ask("operator", "GET", "/usage")).json()["items"]) == 1
    answer = await api.ask("operator", "GET", "/usage?first=2026-01-01&format=csv")
    lines = answer.text.splitlines()
    assert (lines[0], len(lines)) == ("tenant,day,visits,mails,octets", 3)
    assert answer.headers["content-type"].startswith("text/csv")
    assert (await api.ask("operator", "GET", "/usage?first=soon")).status_code == 422
