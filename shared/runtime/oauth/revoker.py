"""Tells a provider that a grant has ended, under the grant's lease, then forgets its tokens.

A process that is killed between the provider's answer and the commit leaves the grant to the next one, which
tells the provider again.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import structlog

from shared.model.errors import MailferryError
from shared.model.oauth import named
from shared.model.sealed import Sealed, SecretName
from shared.oauth.answers import RetryLater
from shared.oauth.requests import revocation
from shared.oauth.revoking import Revoked, retry_revocation_at, revocation_meaning
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import GrantStore, LeaseLost
from shared.ports.store.oauth import REFRESH, SECRET_KIND, Grant, GrantLease
from shared.runtime.checkpoints import reached
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps, AppUnusable
from shared.runtime.oauth.http import Http, Unreachable

log = structlog.get_logger("mailferry.oauth")


class Ending(StrEnum):
    """What came of telling a provider that a grant has ended. The value is the metric's label.

    `NOT_OFFERED`: the provider cannot be told. `SHARED`: it was not told, as another grant stands on the same
    sign-in, and some providers end both. `GIVEN_UP`: it could not be told for days.
    """

    TOLD = "told"
    NOT_OFFERED = "not_offered"
    SHARED = "shared"
    RETRYING = "retrying"
    GIVEN_UP = "given_up"


class Revocation(NamedTuple):
    """What came of it, and a clause about it for people."""

    ending: Ending
    clause: str


class Revoker:
    """Ends grants at their providers. `chance` returns random numbers from 0 to 1."""

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
        self._apps = apps
        self._store = store
        self._box = box
        self._http = http
        self._clock = clock
        self._chance = chance
        self._metrics = metrics

    async def revoke(self, lease: GrantLease) -> Revocation | None:
        """End the grant of a lease at its provider, and store what came of it; None where the lease is lost.

        Raises `StoreUnavailable`.
        """
        stored = await self._store.grant(lease.id)
        if stored is None or stored.grant.fence != lease.fence:
            return None
        came = await self._tell(stored.grant, stored.refresh)
        reached("oauth.told")
        try:
            done = await self._record(lease, stored.grant, came)
        except LeaseLost:
            return None
        reached("oauth.forgotten")
        if self._metrics is not None:
            self._metrics.oauth_revocations.labels(outcome=done.ending.value).inc()
        return done

    async def _tell(self, grant: Grant, refresh: Sealed | None) -> Revocation | RetryLater:
        """Tell the provider, unless there is a reason not to."""
        if refresh is None:
            return Revocation(Ending.NOT_OFFERED, "there is no token that could be revoked")
        if await self._store.has_same_sign_in(grant.id):
            return Revocation(Ending.SHARED, "another account or target uses the same sign-in")
        try:
            app, provider = await self._apps.find(grant.app, is_removed=True)
            token = self._box.open(SecretName(SECRET_KIND, grant.id, REFRESH), refresh)
            request = revocation(app, provider, token)
            if request is None:
                return Revocation(Ending.NOT_OFFERED, f"{provider.title} cannot be told that")
            found = revocation_meaning(await self._http.post(request))
        except AppUnusable as error:
            return RetryLater(str(error).removesuffix("."))
        except Unreachable as error:
            return RetryLater(f"the provider gave no answer: {error}")
        except MailferryError as error:
            return RetryLater(str(error).removesuffix("."))
        return Revocation(Ending.TOLD, "the provider was told") if isinstance(found, Revoked) else found

    async def _record(self, lease: GrantLease, grant: Grant, came: Revocation | RetryLater) -> Revocation:
        """Store what came of it. Raises `LeaseLost`."""
        now, name = self._clock.now(), named(grant.id)
        if isinstance(came, Revocation):
            await self._store.end_revocation(lease)
            log.info("sign-in given back", grant=name, outcome=came.ending.value)
            return came
        if now >= (grant.revoke_until or 0.0):
            await self._store.end_revocation(lease)
            log.warning(
                "sign-in not given back, provider could not be told", grant=name, problem=came.sentence
            )
            return Revocation(Ending.GIVEN_UP, came.sentence)
        due_at = retry_revocation_at(came.after, grant.failures, now, self._chance())
        await self._store.postpone_revocation(lease, came.sentence, due_at)
        log.warning("sign-in not given back yet", grant=name, problem=came.sentence)
        return Revocation(Ending.RETRYING, came.sentence)
