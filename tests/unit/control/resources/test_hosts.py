"""Source hosts by the API: visits under way, limits, what was learnt; for people of the whole service."""

from __future__ import annotations

from shared.adapters.sql import open_store
from shared.ports.store import HOST_REFUSES, HOST_THROTTLES, HostFact
from tests.fakes.api import Api


async def test_hosts_that_something_is_known_of_are_listed(api: Api) -> None:
    now = api.control.context.clock.now()
    store = open_store(f"sqlite://{api.database}")
    assert (await api.ask("operator", "GET", "/hosts")).json() == {"items": []}
    await store.fetcher.lease_these("me", ["acme/info"], now, now + 60)
    refused = HostFact(HOST_REFUSES, "imap.example:993", "NOTIFY", 0.0, now + 60)
    throttles = HostFact(HOST_THROTTLES, "imap.example", "", 1.0, now + 60)
    await store.fetcher.note_host_facts([refused, throttles], now)
    await store.close()
    first, second = (await api.ask("operator", "GET", "/hosts")).json()["items"]
    assert (first["host"], first["visits"], first["connections"]) == ("127.0.0.1", 1, 20)
    assert (second["host"], second["visits"], len(second["sentences"])) == ("imap.example", 0, 2)
    assert "throttles visits" in second["sentences"][0] + second["sentences"][1]


async def test_people_of_a_tenant_see_neither_hosts_nor_the_broker(api: Api) -> None:
    for path in ("/hosts", "/broker"):
        for caller in ("admin", "support", "owner", "auditor"):
            assert (await api.ask(caller, "GET", path)).status_code in {403, 404}
