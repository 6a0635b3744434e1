"""What a fetcher does beside its visits: it watches the epoch and the accounts, has spooled mails set out
again, and forgets.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from services.fetcher.maintenance.account_monitor import AccountMonitor
from services.fetcher.maintenance.epoch_monitor import EpochMonitor
from services.fetcher.maintenance.pruner import Pruner
from services.fetcher.maintenance.spool_republisher import SpoolRepublisher


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Each goes on until it is cancelled."""

    epoch: EpochMonitor
    respool: SpoolRepublisher
    pruner: Pruner
    accounts: AccountMonitor

    def begun(self) -> list[Coroutine[Any, Any, None]]:
        """All of them, to be run side by side."""
        return [self.epoch.run(), self.respool.run(), self.pruner.run(), self.accounts.run()]
