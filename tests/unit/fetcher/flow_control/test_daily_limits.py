"""A tenant gets so many mails a day, over all of its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.fetcher.flow_control.daily_limits import DailyLimits
from shared.ports.store import FetcherStore, Usage, day_of
from tests.fakes.clock import ManualClock


class Counted:
    """What the database has counted."""

    def __init__(self) -> None:
        self.mails: dict[tuple[str, int], int] = {}
        self.asked = 0

    async def tenant_usage(self, first: int, _last: int, tenants: Sequence[str]) -> list[Usage]:
        self.asked += 1
        return [Usage(each, first, 1, self.mails.get((each, first), 0), 0) for each in tenants]


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.counted = Counted()
        self.limits: dict[str, int] = {"acme": 10}
        self.daily = DailyLimits(cast(FetcherStore, cast(Any, self.counted)), self.clock, self.limits.get)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_the_database_counted_and_what_is_under_way_is_taken_off(world: World) -> None:
    world.counted.mails["acme", day_of(world.clock.now())] = 3
    await world.daily.begin("acme")
    assert world.daily.room("acme") == 7
    world.daily.reserve("acme", "acme/bob", 5)
    world.daily.reserve("acme", "acme/eve", 1)
    assert world.daily.room("acme") == 1
    world.daily.reserve("acme", "acme/bob", -2)
    assert world.daily.room("acme") == 3
    assert world.daily.reason("acme") is None


async def test_a_visit_that_is_over_is_counted_once(world: World) -> None:
    await world.daily.begin("acme")
    world.daily.reserve("acme", "acme/bob", 4)
    world.daily.end("acme", "acme/bob", 4)
    assert world.daily.room("acme") == 6
    world.counted.mails["acme", day_of(world.clock.now())] = 4
    await world.daily.begin("acme")
    assert world.daily.room("acme") == 6
    world.daily.end("acme", "acme/stranger", 4)
    assert world.daily.room("acme") == 6


async def test_a_limit_that_is_reached_is_told_until_the_next_day(world: World) -> None:
    await world.daily.begin("acme")
    world.daily.reserve("acme", "acme/bob", 12)
    assert world.daily.room("acme") == 0
    assert world.daily.reason("acme") == (
        "tenant acme has got its 10 mails of this day (daily_mails); the others wait at their sources until "
        "00:00 UTC"
    )
    await world.clock.advance(86_400)
    assert world.daily.room("acme") == 10
    assert world.daily.reason("acme") is None


async def test_a_tenant_without_a_limit_costs_no_query(world: World) -> None:
    await world.daily.begin("other")
    world.daily.reserve("other", "other/bob", 1000)
    assert world.daily.room("other") is None
    assert world.daily.reason("other") is None
    assert world.counted.asked == 0
