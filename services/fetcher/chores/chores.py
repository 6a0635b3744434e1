"""What a fetcher does beside its visits: it watches the epoch and the accounts, has spooled mails set out
again, and forgets.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from services.fetcher.chores.account_watch import AccountWatch
from services.fetcher.chores.epoch_watch import EpochWatch
from services.fetcher.chores.pruner import Pruner
from services.fetcher.chores.respool import Respool


@dataclass(frozen=True, slots=True)
class Chores:
    """Each goes on until it is cancelled."""

    epoch: EpochWatch
    respool: Respool
    pruner: Pruner
    accounts: AccountWatch

    def begun(self) -> list[Coroutine[Any, Any, None]]:
        """All of them, to be run side by side."""
        return [self.epoch.run(), self.respool.run(), self.pruner.run(), self.accounts.run()]
