"""Deletes what is left of removed accounts, targets and tenants, once nothing of them is in custody.

A look costs one read of an index in which only removed objects are. What a step deletes is bounded, and steps
have pauses between them, so that other work is not held up.
"""

from __future__ import annotations

import structlog

from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import RegistryStore

LOOK_EVERY = 10.0
STEP_OBJECTS = 100
PAUSE = 1.0
"""Seconds between two steps, while there is more to delete."""

log = structlog.get_logger("mailferry.fetcher")


class RegistryCleaner:
    """Forgets removed objects."""

    def __init__(self, registry: RegistryStore, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    async def run(self) -> None:
        """Forget removed objects now and then, until cancelled."""
        while True:
            try:
                await self.forget_all()
            except MailferryError as error:
                log.debug("removed objects not deleted", error=error)
            await self._clock.sleep(LOOK_EVERY)

    async def forget_all(self) -> int:
        """Forget all that is done with, and return how many objects that were."""
        count = 0
        while forgotten := await self._registry.forget_removed(STEP_OBJECTS, self._clock.now()):
            log.info("removed objects deleted", objects=forgotten)
            count += len(forgotten)
            await self._clock.sleep(PAUSE)
        return count
