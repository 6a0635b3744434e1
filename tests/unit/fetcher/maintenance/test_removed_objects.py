from __future__ import annotations

import asyncio
from collections.abc import Sequence

from structlog.testing import capture_logs
from typing_extensions import override

from services.fetcher.maintenance.removed_objects import LOOK_EVERY, RemovedObjects
from shared.ports.store import StoreUnavailable
from tests.fakes.clock import ManualClock
from tests.fakes.registry import EmptyRegistryStore


class Removed(EmptyRegistryStore):
    """Forgets in steps; None is a step at which the database is away."""

    def __init__(self, *steps: list[str] | None) -> None:
        super().__init__()
        self.steps = list(steps)

    @override
    async def forget_removed(self, limit: int, now: float) -> Sequence[str]:
        step = self.steps.pop(0) if self.steps else []
        if step is None:
            raise StoreUnavailable("away")
        return step


async def test_all_that_can_be_forgotten_is_forgotten_at_once() -> None:
    store = Removed(["account a/1"], ["account a/2", "target t"])
    with capture_logs() as logs:
        await RemovedObjects(store, ManualClock()).forget_all()
    assert [each["object"] for each in logs] == ["account a/1", "account a/2", "target t"]


async def test_a_database_that_is_away_is_asked_again_later() -> None:
    clock, store = ManualClock(), Removed(None, ["account a/1"])
    with capture_logs() as logs:
        task = asyncio.create_task(RemovedObjects(store, clock).run())
        await clock.advance(0)
        assert [each["event"] for each in logs] == ["removed objects not forgotten"]
        await clock.advance(LOOK_EVERY)
        assert logs[-1]["object"] == "account a/1"
        task.cancel()
        await asyncio.wait([task])
