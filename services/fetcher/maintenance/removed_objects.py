"""Forgets removed accounts, targets and tenants once their mail is done. Any number of fetchers may do so."""

from __future__ import annotations

import structlog

from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import RegistryStore

LOOK_EVERY = 60.0
"""Seconds. A removed account with much mail at its source takes several steps."""
AT_ONCE = 50

log = structlog.get_logger("mailferry.fetcher")


class RemovedObjects:
    """Those of a registry."""

    def __init__(self, registry: RegistryStore, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    async def run(self) -> None:
        """Forget now and then what can be forgotten, until cancelled."""
        while True:
            try:
                await self.forget_all()
            except MailferryError as error:
                log.warning("removed objects not forgotten", error=error)
            await self._clock.sleep(LOOK_EVERY)

    async def forget_all(self) -> None:
        """Forget all that can be forgotten now."""
        while forgotten := await self._registry.forget_removed(AT_ONCE, self._clock.now()):
            for each in forgotten:
                log.info("removed object forgotten", object=each)
