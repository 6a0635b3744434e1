"""The broker by the API."""

from __future__ import annotations

from shared.contract.topology import FETCHED_KEY, ROUTER_QUEUE
from shared.ports.broker import Publication
from tests.fakes.api import Api


async def test_the_broker_tells_what_waits_in_its_queues(api: Api) -> None:
    await api.control.broker.publish([Publication(FETCHED_KEY, b"a")])
    shown = (await api.ask("operator", "GET", "/broker")).json()
    assert (shown["in_process"], shown["problem"]) == (True, None)
    assert {"name": ROUTER_QUEUE, "messages": 1, "consumers": 0} in shown["queues"]


async def test_a_broker_that_is_away_says_why(api: Api) -> None:
    await api.control.broker.close()
    shown = (await api.ask("operator", "GET", "/broker")).json()
    assert shown["queues"] == []
    assert "closed" in shown["problem"]
