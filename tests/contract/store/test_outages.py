"""What a store promises about targets that cannot be reached."""

from __future__ import annotations

from collections.abc import Callable

from shared.adapters.sql.store import SqlStore
from shared.ports.store import LONGEST_REPORT, Outage

NOW = 1_700_000_000.0
DOWN = Outage("exchange", NOW - 60, NOW + 60, "Connection refused")


async def test_every_process_sees_what_one_reports(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    await store.relay.report_outages([DOWN, Outage("attic", NOW, NOW + 60, "No route to \0 host")])
    assert await another().operator.outages(NOW) == [
        Outage("attic", NOW, NOW + 60, "No route to \\u0000 host"),
        DOWN,
    ]


async def test_a_report_takes_the_place_of_the_one_before(store: SqlStore) -> None:
    later = Outage("exchange", NOW - 60, NOW + 120, "Connection timed out")
    await store.relay.report_outages([DOWN])
    await store.relay.report_outages([later])
    assert await store.operator.outages(NOW + 90) == [later]


async def test_a_report_that_is_not_repeated_ends_by_itself(store: SqlStore) -> None:
    await store.relay.report_outages([DOWN])
    assert await store.operator.outages(NOW + 60) == []


async def test_a_report_of_a_clock_that_was_ahead_does_not_count(store: SqlStore) -> None:
    await store.relay.report_outages([Outage("exchange", NOW, NOW + LONGEST_REPORT + 1, "far ahead")])
    assert await store.operator.outages(NOW) == []


async def test_an_outage_ends_when_the_target_is_reached(store: SqlStore) -> None:
    await store.relay.report_outages([DOWN, Outage("attic", NOW, NOW + 60, "No route to host")])
    await store.relay.end_outages(["exchange", "never heard of"])
    assert [each.target for each in await store.operator.outages(NOW)] == ["attic"]
    await store.relay.end_outages([])
