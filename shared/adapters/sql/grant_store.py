"""The port `GrantStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from shared.adapters.sql import oauth_app_states, oauth_grants, oauth_leases, oauth_renewals
from shared.adapters.sql import oauth_revocations as ends
from shared.adapters.sql.request_coalescer import RequestCoalescer
from shared.adapters.sql.runner import TransactionRunner
from shared.ports.store import LeaseLost
from shared.ports.store.oauth import (
    AppState,
    AppWrite,
    Grant,
    GrantLease,
    Refusal,
    Removal,
    Renewal,
    StoredGrant,
)


class SqlGrantStore:
    """The grants of all accounts and targets, see `GrantStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner
        self._reads: RequestCoalescer[str, StoredGrant | None] = runner.coalescer(self._read, _one)
        self._renewals: RequestCoalescer[Renewal, None] = runner.coalescer(self._record, _one)

    async def put_grant(
        self, grant_id: str, app: str, username: str, now: float, renewal: Renewal | None
    ) -> None:
        """Begin a grant anew."""
        await self._runner.write(oauth_grants.put_grant, grant_id, app, username, now, renewal)

    async def ensure_grants(self, wanted: Sequence[tuple[str, str, str]], now: float) -> None:
        """Begin those grants (id, app, user name) that are not there, due at once."""
        if wanted:
            await self._runner.write(oauth_grants.ensure_grants, wanted, now)

    async def grant(self, grant_id: str) -> StoredGrant | None:
        """Return a grant with its tokens; None where there is none."""
        return await self._reads.submit(grant_id)

    async def grants(self) -> Sequence[Grant]:
        """Return all grants, by id."""
        return await self._runner.read(oauth_grants.all_grants)

    async def tenant_grants(self, tenant: str, after: str, limit: int) -> Sequence[Grant]:
        """Return up to `limit` grants of a tenant's accounts and targets with ids after `after`, by id."""
        return await self._runner.read(oauth_grants.tenant_grants, tenant, after, limit)

    async def lease_due(self, holder: str, now: float, until: float, limit: int) -> Sequence[GrantLease]:
        """Lease up to `limit` grants that are due."""
        return await self._runner.write(oauth_leases.lease_due, holder, now, until, limit)

    async def lease_grant(self, grant_id: str, holder: str, now: float, until: float) -> GrantLease | None:
        """Lease one grant, due or not; None where another process holds it, or there is none."""
        return await self._runner.write(oauth_leases.lease_grant, grant_id, holder, now, until)

    async def record_renewal(self, renewal: Renewal) -> None:
        """Store the tokens of a refresh and end the lease. Raises `LeaseLost`."""
        await self._renewals.submit(renewal)

    async def record_refusal(self, refusal: Refusal, now: float) -> None:
        """Store why a refresh failed and end the lease. Raises `LeaseLost`."""
        await self._runner.write(oauth_renewals.record_refusal, refusal, now)

    async def return_lease(self, lease: GrantLease) -> None:
        """End a lease that was not used."""
        await self._runner.write(oauth_leases.return_lease, lease)

    async def next_due(self) -> float | None:
        """Return when the next grant is due; None where none is."""
        return await self._runner.read(oauth_leases.next_due)

    async def give_back(self, ids: Sequence[str], now: float, until: float) -> Sequence[str]:
        """End these grants of accounts and targets that stay; return those whose provider is to be told."""
        return await self._runner.write(partial(ends.give_back, stays=True), ids, now, until)

    async def lease_revocations(
        self, holder: str, now: float, until: float, limit: int
    ) -> Sequence[GrantLease]:
        """Lease up to `limit` grants whose provider is to be told now."""
        return await self._runner.write(ends.lease_revocations, holder, now, until, limit)

    async def lease_revocation(
        self, grant_id: str, holder: str, now: float, until: float
    ) -> GrantLease | None:
        """Lease one grant whose provider is to be told, due or not."""
        return await self._runner.write(ends.lease_revocation, grant_id, holder, now, until)

    async def has_same_sign_in(self, grant_id: str) -> bool:
        """Return whether another grant that goes on was got by the same app for the same user."""
        return await self._runner.read(ends.has_same_sign_in, grant_id)

    async def end_revocation(self, lease: GrantLease) -> None:
        """Forget a grant whose provider was told, or not to be told any more. Raises `LeaseLost`."""
        await self._runner.write(ends.end_revocation, lease)

    async def postpone_revocation(self, lease: GrantLease, problem: str, due_at: float) -> None:
        """Store why the provider could not be told, and end the lease. Raises `LeaseLost`."""
        await self._runner.write(ends.postpone_revocation, lease, problem, due_at)

    async def remove_app(
        self, name: str, now: float, until: float, expected: int | None = None
    ) -> Removal | None:
        """Remove an app that is kept here, and give its grants back; None where it is not there as
        expected.
        """
        return await self._runner.write(ends.remove_app, name, now, until, expected)

    async def app_states(self) -> Mapping[str, AppState]:
        """Return what is known of apps, by name."""
        return await self._runner.read(oauth_app_states.app_states)

    async def put_app(self, write: AppWrite, now: float) -> int | None:
        """Keep an app and return its new revision; None where it is not there as expected."""
        return await self._runner.write(oauth_app_states.put_app, write, now)

    async def _read(self, ids: Sequence[str]) -> Sequence[StoredGrant | None]:
        return await self._runner.read(oauth_grants.stored_grants, ids)

    async def _record(self, renewals: Sequence[Renewal]) -> Sequence[LeaseLost | None]:
        return await self._runner.write(oauth_renewals.record_renewals, renewals)


def _one(_: object) -> int:
    """How large a request is: all are alike."""
    return 1
