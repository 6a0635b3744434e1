"""Renews the leases of active visits, cancels a visit whose lease was lost, and notices when an operator
pauses an account.
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
LONGEST_SLEEP = 5.0
"""Seconds until a pause is noticed."""

log = structlog.get_logger("mailferry.fetcher")


class LeaseKeeper:
    """Knows the active visits by their leases. `length` is how long a lease lasts, in seconds."""

    def __init__(self, leases: FetcherStore, clock: Clock, length: float, metrics: Metrics) -> None:
        self._leases = leases
        self._clock = clock
        self._length = length
        self._metrics = metrics
        self._visits: dict[Fence, asyncio.Task[object]] = {}
        self._paused: frozenset[str] = frozenset()
        self._missing: set[Fence] = set()
        """Leases that the last renewal did not find. A visit that gives its lease back ends right after that:
        only one that is still there at the next renewal has lost it."""

    @property
    def fences(self) -> Collection[Fence]:
        """The leases of the active visits."""
        return self._visits.keys()

    def is_paused(self, fence: Fence) -> bool:
        """Whether an operator paused the account that is being visited."""
        return fence.account in self._paused

    def lease_end(self) -> float:
        """Return when a lease taken now ends, in seconds since the epoch."""
        return self._clock.now() + self._length

    def keep_lease(self, lease: Lease, visit: asyncio.Task[object]) -> None:
        """Renew `lease` until `visit` is done."""
        self._visits[lease.fence] = visit
        visit.add_done_callback(lambda _: self._visits.pop(lease.fence, None))

    async def run(self) -> None:
        """Renew leases, until cancelled. A database that is away for a moment ends no visit: the fence
        protects what it writes.
        """
        while True:
            await self._clock.sleep(min(self._length / RENEWALS_PER_LEASE, LONGEST_SLEEP))
            if self._visits:
                await self._renew_leases()

    async def _renew_leases(self) -> None:
        fences = list(self._visits)
        try:
            held = set(await self._leases.renew_leases(fences, self.lease_end()))
            paused = await self._leases.paused_among([fence.account for fence in fences])
        except MailferryError as error:
            log.warning("leases not renewed", error=error)
            return
        self._paused = frozenset(paused)
        missing = {fence for fence in fences if fence not in held and fence in self._visits}
        for fence in sorted(missing & self._missing):
            log.warning("lease has passed on", account=fence.account)
            self._metrics.leases_lost.inc()
            self._visits[fence].cancel()
        self._missing = missing
