"""Gives the access tokens of grants to who logs in; gets a new one where the known one is over.

So a login also works where no token keeper runs, as in `mailferry once`. A token server that refused is asked
again when the grant is due, not by each visit.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from pydantic import SecretStr
from typing_extensions import override

from shared.model.oauth import Flow, GrantRef, GrantState
from shared.model.sealed import SecretName
from shared.oauth.answers import Failure, Refreshed
from shared.oauth.schedule import is_usable, state_after
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import GrantStore
from shared.ports.store.oauth import ACCESS, SECRET_KIND, StoredGrant
from shared.ports.tokens import GrantTokens, TokenUnavailable
from shared.runtime.oauth.apps import AppUnusable
from shared.runtime.oauth.refresher import LEASE, UNSIGNED, Refresher

FRESH = 60.0
"""Seconds for which a token counts as fresh: if it is refused, another one would be, too."""
ENDED = (GrantState.REVOKING, GrantState.REVOKED)
WAIT_STEP, WAITS = 0.5, 50
"""Seconds, and how often: how long a login waits for the process that refreshes its grant."""


class StoredGrantTokens(GrantTokens):
    """The tokens in the store. `holder` is this process's name in leases."""

    def __init__(
        self,
        store: GrantStore,
        box: SecretBox,
        refresher: Refresher,
        clock: Clock,
        holder: str,
    ) -> None:
        self._store = store
        self._box = box
        self._refresher = refresher
        self._clock = clock
        self._holder = holder

    @override
    async def access_token(self, grant: GrantRef) -> SecretStr:
        stored = await self._current(grant)
        now = self._clock.now()
        if is_usable(stored.grant.issued_at, stored.grant.expires_at, now) and stored.access is not None:
            return self._opened(stored)
        return await self._renew(grant, stored)

    @override
    async def renewed(self, grant: GrantRef, refused: SecretStr) -> SecretStr | None:
        stored = await self._current(grant)
        known = self._opened(stored) if stored.access is not None else None
        if known is not None and known != refused:
            return known
        issued_at = stored.grant.issued_at
        if issued_at is not None and abs(self._clock.now() - issued_at) < FRESH:
            return None
        return await self._renew(grant, stored, is_refused=True)

    async def _current(self, grant: GrantRef) -> StoredGrant:
        """Return the grant as it is stored, begun where it needs no owner. Raises `TokenUnavailable`."""
        stored = await self._store.grant(grant.id)
        if stored is not None and _is_for(stored, grant):
            if stored.grant.state in ENDED:
                sentence = "The sign-in was revoked: run `mailferry oauth connect` to begin a new one."
                raise _unavailable(grant, stored.grant.state, sentence)
            return stored
        try:
            app, _ = await self._refresher.apps.find_for(grant.id, grant.app)
        except AppUnusable as error:
            raise _unavailable(grant, state_after(error.failure), error.failure.sentence) from error
        if app.flow is Flow.USER:
            what = (
                UNSIGNED
                if stored is None
                else (
                    f"The sign-in is that of {stored.grant.username} with the app {stored.grant.app}, which "
                    "the configuration does not name any more: run `mailferry oauth connect`."
                )
            )
            raise _unavailable(grant, GrantState.NEEDS_OWNER, what)
        if stored is None:
            await self._store.ensure_grants([(grant.id, grant.app, grant.username)], self._clock.now())
        else:
            await self._store.put_grant(grant.id, grant.app, grant.username, self._clock.now(), None)
        begun = await self._store.grant(grant.id)
        if begun is None:
            raise _unavailable(grant, None, "Its grant was removed a moment ago.")
        return begun

    async def _renew(self, grant: GrantRef, before: StoredGrant, *, is_refused: bool = False) -> SecretStr:
        """Return a new token. `is_refused`: a mail server refused the one that is known."""
        now, state = self._clock.now(), before.grant.state
        if state is not GrantState.VALID and (before.grant.due_at or 0.0) > now:
            raise _unavailable(grant, state, before.grant.problem)
        lease = await self._store.lease_grant(grant.id, self._holder, now, now + LEASE)
        if lease is not None:
            found = await self._refresher.refresh(lease, access_is_over=is_refused)
            if isinstance(found, Refreshed):
                return found.access_token
            if found is not None:
                raise _failed(grant, found)
        return await self._wait_for_another(grant, before)

    async def _wait_for_another(self, grant: GrantRef, before: StoredGrant) -> SecretStr:
        """Wait until the process that has the lease is done."""
        for _ in range(WAITS):
            stored = await self._store.grant(grant.id)
            if stored is None:
                break
            if stored.access is not None and stored.grant.issued_at != before.grant.issued_at:
                return self._opened(stored)
            if stored.grant.lease_until is None:
                raise _unavailable(grant, stored.grant.state, stored.grant.problem)
            await self._clock.sleep(WAIT_STEP)
        raise _unavailable(grant, GrantState.REFRESHING, "Another process is asking for a token now.")

    def _opened(self, stored: StoredGrant) -> SecretStr:
        assert stored.access is not None, "the caller has looked"
        return self._box.open(SecretName(SECRET_KIND, stored.grant.id, ACCESS), stored.access)


def holder_name(process: str, entropy: Callable[[int], str] = secrets.token_hex) -> str:
    """Return a name for leases that no other process has, not even one of the same name before it."""
    return f"{process} {entropy(4)}"


def _is_for(stored: StoredGrant, grant: GrantRef) -> bool:
    return (stored.grant.app, stored.grant.username) == (grant.app, grant.username)


def _failed(grant: GrantRef, failure: Failure) -> TokenUnavailable:
    return _unavailable(grant, state_after(failure), failure.sentence)


def _unavailable(grant: GrantRef, state: GrantState | None, problem: str | None) -> TokenUnavailable:
    """All of these are temporary: what they wait for happens outside, and nobody tells Mailferry."""
    sentence = f"There is no OAuth token for {grant.name}. {problem or 'It is being asked for.'}"
    return TokenUnavailable(sentence, state=state)
