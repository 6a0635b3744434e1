"""The token keeper: renews grants that are due, and ends those that were given back, in batches.

Any number of processes may run one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog

from shared.config import Configuration
from shared.model.backoff import Backoff
from shared.model.errors import MailferryError
from shared.model.oauth import GrantState
from shared.oauth.app import OAuthApp
from shared.oauth.schedule import app_forecasts, grant_forecasts
from shared.ports.clock import Clock
from shared.ports.store import GrantStore
from shared.ports.store.oauth import Grant, GrantLease
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.refresher import LEASE, Refresher
from shared.runtime.oauth.revoker import Revoker
from shared.runtime.stop import Stop

BATCH = 20
AT_ONCE = 4
"""Requests under way at a time: enough for 20 a second. Each open connection costs a look at each request.
Five rounds, each with its longest time, end within a lease."""
LONGEST_SLEEP = 30.0
"""Seconds until the next look: another process may have begun a grant."""
COUNT_EVERY = 300.0
"""Seconds between two counts of all grants, for the metrics."""
STORE_BACKOFF = Backoff(1.0, 60.0)

log = structlog.get_logger("mailferry.oauth")


class TokenKeeper:
    """The service that keeps tokens fresh."""

    def __init__(
        self,
        store: GrantStore,
        refresher: Refresher,
        revoker: Revoker,
        clock: Clock,
        metrics: Metrics,
        holder: str,
    ) -> None:
        self._store = store
        self._refresher = refresher
        self._revoker = revoker
        self._clock = clock
        self._metrics = metrics
        self._holder = holder
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._counted_at: float | None = None

    async def run(self, stop: Stop) -> None:
        """Renew what is due until `stop` is requested; requests that were sent are finished."""
        failures = 0
        while not stop.requested:
            try:
                pause = await self.round()
                failures = 0
            except MailferryError as error:
                log.warning("grants not refreshed", error=error)
                pause = STORE_BACKOFF.pause(failures)
                failures += 1
            except Exception:
                # Mail of other accounts must go on, as where a newer release wrote what this one cannot read.
                log.exception("grants not refreshed, over a mistake in Mailferry")
                pause = STORE_BACKOFF.pause(failures)
                failures += 1
            await self._sleep(stop, pause)

    async def reload(self, configuration: Configuration) -> None:
        """Use another configuration from now on."""
        self._refresher.apps.configured = configuration.oauth_apps

    async def round(self) -> float:
        """Renew a batch of what is due, and end a batch of what was given back.

        Returns the seconds until the next look. Raises `StoreUnavailable`.
        """
        now = self._clock.now()
        leases = await self._store.lease_due(self._holder, now, now + LEASE, BATCH)
        ended = await self._store.lease_revocations(self._holder, now, now + LEASE, BATCH)
        works = [*map(self._refresh, leases), *map(self._revoke, ended)]
        results = await asyncio.gather(*works, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        await self._count()
        if BATCH in (len(leases), len(ended)):
            return 0.0
        next_due = await self._store.next_due()
        return LONGEST_SLEEP if next_due is None else min(LONGEST_SLEEP, max(1.0, next_due - now))

    async def _refresh(self, lease: GrantLease) -> None:
        await self._refresher.refresh(lease, slots=self._slots)

    async def _revoke(self, lease: GrantLease) -> None:
        async with self._slots:
            await self._revoker.revoke(lease)

    async def _count(self) -> None:
        now = self._clock.monotonic()
        if self._counted_at is not None and now - self._counted_at < COUNT_EVERY:
            return
        self._counted_at = now
        grants = await self._store.grants()
        states = Counter(each.state for each in grants)
        for state in GrantState:
            if state is not GrantState.REFRESHING:
                self._metrics.oauth_grants.labels(state=state.label).set(states[state])
        apps = await self._refresher.apps.all()
        self._metrics.oauth_expiring.set(expiring(grants, apps, self._clock.now()))

    async def _sleep(self, stop: Stop, seconds: float) -> None:
        wake = asyncio.ensure_future(stop.wait())
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        await asyncio.wait([wake, sleep], return_when=asyncio.FIRST_COMPLETED)
        for task in (wake, sleep):
            task.cancel()


def expiring(grants: Sequence[Grant], apps: Mapping[str, OAuthApp], now: float) -> int:
    """Return how many apps and grants are going to stop within 14 days."""
    ending = sum(any(app_forecasts(app, now)) for app in apps.values())
    for grant in grants:
        app = apps.get(grant.app)
        if app is not None and grant.state not in (GrantState.REVOKING, GrantState.REVOKED):
            ending += any(grant_forecasts(app, grant.consented_at, grant.refreshed_at, now))
    return ending
