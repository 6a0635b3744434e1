"""What a fetcher does beside its visits."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from services.fetcher.maintenance.account_monitor import AccountMonitor
from services.fetcher.maintenance.epoch_monitor import EpochMonitor
from services.fetcher.maintenance.pruner import Pruner
from services.fetcher.maintenance.removed_objects import RemovedObjects
from services.fetcher.maintenance.spool_republisher import SpoolRepublisher


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Tasks that run until they are cancelled."""

    epoch_monitor: EpochMonitor
    republisher: SpoolRepublisher
    pruner: Pruner
    account_monitor: AccountMonitor
    removed_objects: RemovedObjects

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return all of them, to be run side by side."""
        return [
            self.epoch_monitor.run(),
            self.republisher.run(),
            self.pruner.run(),
            self.account_monitor.run(),
            self.removed_objects.run(),
        ]
