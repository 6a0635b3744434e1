"""Keeps the leases of visits under way alive, ends a visit whose lease has passed on, and notices when an
operator puts an account on hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog

from shared.custody.commands import Fence
from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Lease
from shared.runtime.metrics import Metrics

RENEWALS_PER_LEASE = 3
LONGEST_NAP = 5.0
"""Seconds until a pause is noticed."""

log = structlog.get_logger("mailferry.fetcher")


class LeaseKeeper:
    """Knows the visits under way by their leases. `length` is how long a lease lasts, in seconds."""

    def __init__(self, leases: FetcherStore, clock: Clock, length: float, metrics: Metrics) -> None:
        self._leases = leases
        self._clock = clock
        self._length = length
        self._metrics = metrics
        self._visits: dict[Fence, asyncio.Task[object]] = {}
        self._paused: frozenset[str] = frozenset()

    @property
    def fences(self) -> Collection[Fence]:
        """The leases of the visits under way."""
        return self._visits.keys()

    def is_paused(self, fence: Fence) -> bool:
        """Whether the account was put on hold while it is being visited."""
        return fence.account in self._paused

    def until(self) -> float:
        """When a lease taken now runs out."""
        return self._clock.now() + self._length

    def keep(self, lease: Lease, visit: asyncio.Task[object]) -> None:
        """Renew `lease` until `visit` is done."""
        self._visits[lease.fence] = visit
        visit.add_done_callback(lambda _: self._visits.pop(lease.fence, None))

    async def run(self) -> None:
        """Renew, until cancelled. A database away for a moment costs no visit: the fence protects what it
        writes.
        """
        while True:
            await self._clock.sleep(min(self._length / RENEWALS_PER_LEASE, LONGEST_NAP))
            if self._visits:
                await self._renew()

    async def _renew(self) -> None:
        fences = list(self._visits)
        try:
            held = set(await self._leases.renew_leases(fences, self.until()))
            paused = await self._leases.paused_among([fence.account for fence in fences])
        except MailferryError as error:
            log.warning("leases not renewed", error=error)
            return
        self._paused = frozenset(paused)
        for fence in fences:
            if fence not in held and (visit := self._visits.get(fence)) is not None:
                log.warning("lease has passed on", account=fence.account)
                self._metrics.leases_lost.inc()
                visit.cancel()
