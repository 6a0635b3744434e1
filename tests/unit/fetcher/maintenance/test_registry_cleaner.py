"""Removed objects are forgotten in bounded steps, now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from typing_extensions import override

from services.fetcher.maintenance.registry_cleaner import LOOK_EVERY, PAUSE, STEP_OBJECTS, RegistryCleaner
from shared.ports.store import StoreUnavailable
from tests.fakes.clock import ManualClock
from tests.fakes.registry import EmptyRegistryStore


class Removed(EmptyRegistryStore):
    """A registry with removed accounts, of which nothing is in custody."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = [*names]
        self.steps: list[int] = []
        self.away = False

    @override
    async def forget_removed(self, limit: int, now: float) -> Sequence[str]:
        if self.away:
            raise StoreUnavailable("the database is away")
        self.steps.append(limit)
        forgotten, self.names = self.names[:limit], self.names[limit:]
        return forgotten


async def test_all_that_is_done_with_is_forgotten_in_steps_with_pauses() -> None:
    registry, clock = Removed(*map(str, range(STEP_OBJECTS + 1))), ManualClock()
    forgetting = asyncio.create_task(RegistryCleaner(registry, clock).forget_all())
    await clock.somebody_sleeps()
    assert registry.names == [str(STEP_OBJECTS)]
    await clock.advance(PAUSE)
    await clock.advance(PAUSE)
    assert await forgetting == STEP_OBJECTS + 1
    assert registry.steps == [STEP_OBJECTS] * 3


async def test_what_is_removed_later_is_forgotten_too_also_after_an_outage() -> None:
    registry, clock = Removed(), ManualClock()
    run = asyncio.create_task(RegistryCleaner(registry, clock).run())
    await clock.somebody_sleeps()
    registry.names, registry.away = ["acme/bob"], True
    await clock.advance(LOOK_EVERY)
    assert registry.names == ["acme/bob"]
    registry.away = False
    await clock.advance(LOOK_EVERY)
    assert registry.names == []
    run.cancel()
