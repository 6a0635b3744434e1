"""The visits under way in this process: begun with a lease, which is kept as long as they last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from services.fetcher.chores.keeper import LeaseKeeper
from services.fetcher.visit.report import Visit
from services.fetcher.visit.visiting import Visitor
from shared.model.account import Account
from shared.ports.store import Lease

log = structlog.get_logger("mailferry.fetcher")


class UnderWay:
    """`changed` is set when one of them ends."""

    def __init__(self, visitor: Visitor, keeper: LeaseKeeper) -> None:
        self.changed = asyncio.Event()
        self._visitor = visitor
        self._keeper = keeper
        self._visits: set[asyncio.Task[Visit]] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._visits)

    @property
    def accounts(self) -> Iterable[str]:
        """Those that are being visited."""
        return [fence.account for fence in self._keeper.fences]

    def begin(self, account: Account, lease: Lease) -> asyncio.Task[Visit]:
        """Visit `account`; the visit gives the lease back."""
        visit = asyncio.create_task(
            self._visitor.visit(
                account, lease, lambda: self._stopping or self._keeper.is_paused(lease.fence)
            ),
            name=f"visit {account.id}",
        )
        self._keeper.keep(lease, visit)
        self._visits.add(visit)
        visit.add_done_callback(self._ended)
        return visit

    async def one_ended(self) -> None:
        """Wait for the next that ends; at once where there is none."""
        if self._visits:
            await asyncio.wait(self._visits, return_when=asyncio.FIRST_COMPLETED)

    async def wind_up(self) -> None:
        """Have them fetch and wait for nothing more, and wait until they have ended in order."""
        self._stopping = True
        self._visitor.board.end_waits()
        if self._visits:
            await asyncio.wait(self._visits)

    async def break_off(self) -> None:
        """End them wherever they are."""
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)

    def _ended(self, visit: asyncio.Task[Visit]) -> None:
        self._visits.discard(visit)
        self.changed.set()
        if not visit.cancelled() and (error := visit.exception()) is not None:
            log.warning("visit not reported", error=error)
