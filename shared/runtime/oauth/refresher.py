"""Refreshes one grant under its lease: re-read, ask, understand, store.

A process that is killed between the answer and the commit loses a refresh token that the provider has just
replaced. The old one is still there, and is used again when the lease is over: providers accept it until the
new one was used.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import structlog

from shared.model.oauth import Flow
from shared.model.sealed import SecretName
from shared.oauth.answers import AppBroken, Failure, Meaning, NeedsOwner, Refreshed, meaning, unreachable
from shared.oauth.consent import missing_scopes
from shared.oauth.requests import own_token, refresh
from shared.oauth.schedule import refresh_at, retry_at, state_after
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import GrantStore, LeaseLost
from shared.ports.store.oauth import (
    ACCESS,
    REFRESH,
    SECRET_KIND,
    GrantLease,
    Refusal,
    Renewal,
    SealedTokens,
    StoredGrant,
)
from shared.runtime.checkpoints import reached
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps, AppUnusable
from shared.runtime.oauth.http import Http, Unreachable

LEASE = 120.0
"""Seconds: longer than a request may take; a killed process delays visits for no longer."""
UNSIGNED = "Nobody has signed in yet: run `mailferry oauth connect`."

log = structlog.get_logger("mailferry.oauth")


class Refresher:
    """Refreshes grants. `chance` returns random numbers from 0 to 1."""

    def __init__(
        self,
        apps: Apps,
        store: GrantStore,
        box: SecretBox,
        http: Http,
        clock: Clock,
        chance: Callable[[], float],
        metrics: Metrics | None = None,
    ) -> None:
        self.apps = apps
        self._store = store
        self._box = box
        self._http = http
        self._clock = clock
        self._chance = chance
        self._metrics = metrics

    async def refresh(
        self,
        lease: GrantLease,
        *,
        access_is_over: bool = False,
        slots: AbstractAsyncContextManager[object] | None = None,
    ) -> Meaning | None:
        """Refresh the grant of a lease, store what came of it, and return that; None where the lease is lost.

        `access_is_over`: a mail server refused the access token that is known. The request takes one of
        `slots`; what is read and written by those that wait goes together. Raises `StoreUnavailable`.
        """
        stored = await self._store.grant(lease.id)
        if stored is None or stored.grant.fence != lease.fence:
            return None
        found = await self._ask(stored, slots or nullcontext())
        reached("oauth.answered")
        try:
            if isinstance(found, Refreshed):
                await self._store.record_renewal(await self._renewal(lease, stored, found))
            else:
                await self._record_failure(lease, stored, found, access_is_over=access_is_over)
        except LeaseLost:
            log.warning("grant was refreshed elsewhere", grant=lease.id)
            return None
        reached("oauth.stored")
        self._count(found)
        return found

    async def renewal_of(
        self, lease: GrantLease, app_name: str, tokens: Refreshed, issued_at: float
    ) -> Renewal:
        """Return tokens as they are stored. Raises `AppUnusable`."""
        app, provider = await self.apps.find_for(lease.id, app_name)
        idle = provider.idle_after if app.flow is Flow.USER else None
        return Renewal(
            lease,
            self.sealed(lease.id, tokens),
            tokens.scope,
            issued_at,
            issued_at + tokens.lifetime,
            refresh_at(issued_at, tokens.lifetime, self._chance(), idle),
        )

    def sealed(self, grant: str, tokens: Refreshed) -> SealedTokens:
        """Return the tokens encrypted."""
        seal, new = self._box.seal, tokens.refresh_token
        return SealedTokens(
            seal(SecretName(SECRET_KIND, grant, ACCESS), tokens.access_token),
            None if new is None else seal(SecretName(SECRET_KIND, grant, REFRESH), new),
        )

    async def _renewal(self, lease: GrantLease, stored: StoredGrant, found: Refreshed) -> Renewal:
        return await self.renewal_of(lease, stored.grant.app, found, self._clock.now())

    async def _ask(self, stored: StoredGrant, slots: AbstractAsyncContextManager[object]) -> Meaning:
        """Ask the token server, and return what its answer means."""
        grant = stored.grant
        try:
            app, provider = await self.apps.find_for(grant.id, grant.app)
            if app.flow is not Flow.USER:
                request = own_token(app, provider, grant.username, self._clock.now())
            elif stored.refresh is None:
                return NeedsOwner(UNSIGNED)
            else:
                token = self._box.open(SecretName(SECRET_KIND, grant.id, REFRESH), stored.refresh)
                request = refresh(app, provider, token)
            async with slots:
                answer = await self._http.post(request)
            found = meaning(answer, app.flow)
        except AppUnusable as error:
            return error.failure
        except Unreachable as error:
            return unreachable(str(error))
        except ValueError as error:
            return AppBroken(f"The app {grant.app} cannot be used: {error}.")
        if isinstance(found, Refreshed) and (missing := missing_scopes(app.scopes, found.scope)):
            return NeedsOwner(f"The sign-in does not allow {', '.join(missing)} any more: sign in again.")
        return found

    async def _record_failure(
        self, lease: GrantLease, stored: StoredGrant, found: Failure, *, access_is_over: bool
    ) -> None:
        now = self._clock.now()
        due_at = retry_at(found, stored.grant.failures, now, self._chance())
        state = state_after(found)
        app_until = due_at if isinstance(found, AppBroken) else None
        refusal = Refusal(lease, state, found.sentence, due_at, app_until, access_is_over)
        await self._store.record_refusal(refusal, now)
        log.warning("grant not refreshed", grant=lease.id, state=state.value, problem=found.sentence)

    def _count(self, found: Meaning) -> None:
        if self._metrics is not None:
            outcome = "ok" if isinstance(found, Refreshed) else state_after(found).label
            self._metrics.oauth_refreshes.labels(outcome=outcome).inc()
