"""The port `GrantStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql import oauth_grants as sql
from shared.adapters.sql.runner import TransactionRunner
from shared.model.sealed import Sealed
from shared.ports.store.oauth import AppState, Grant, GrantLease, Refusal, Renewal, StoredGrant


class SqlGrantStore:
    """The grants of all accounts and targets, see `GrantStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def put_grant(
        self, grant_id: str, app: str, username: str, now: float, renewal: Renewal | None
    ) -> None:
        """Begin a grant anew."""
        await self._runner.write(sql.put_grant, grant_id, app, username, now, renewal)

    async def ensure_grants(self, wanted: Sequence[tuple[str, str, str]], now: float) -> None:
        """Begin those grants (id, app, user name) that are not there, due at once."""
        if wanted:
            await self._runner.write(sql.ensure_grants, wanted, now)

    async def grant(self, grant_id: str) -> StoredGrant | None:
        """Return a grant with its tokens; None where there is none."""
        return await self._runner.read(sql.stored_grant, grant_id)

    async def grants(self) -> Sequence[Grant]:
        """Return all grants, by id."""
        return await self._runner.read(sql.all_grants)

    async def lease_due(self, holder: str, now: float, until: float, limit: int) -> Sequence[GrantLease]:
        """Lease up to `limit` grants that are due."""
        return await self._runner.write(sql.lease_due, holder, now, until, limit)

    async def lease_grant(self, grant_id: str, holder: str, now: float, until: float) -> GrantLease | None:
        """Lease one grant, due or not; None where another process holds it, or there is none."""
        return await self._runner.write(sql.lease_grant, grant_id, holder, now, until)

    async def record_renewal(self, renewal: Renewal) -> None:
        """Store the tokens of a refresh and end the lease. Raises `LeaseLost`."""
        await self._runner.write(sql.record_renewal, renewal)

    async def record_refusal(self, refusal: Refusal, now: float) -> None:
        """Store why a refresh failed and end the lease. Raises `LeaseLost`."""
        await self._runner.write(sql.record_refusal, refusal, now)

    async def return_lease(self, lease: GrantLease) -> None:
        """End a lease that was not used."""
        await self._runner.write(sql.return_lease, lease)

    async def next_due(self) -> float | None:
        """Return when the next grant is due; None where none is."""
        return await self._runner.read(sql.next_due)

    async def revoke(self, grant_id: str) -> bool:
        """Forget the tokens of a grant, and refresh it no more."""
        return await self._runner.write(sql.revoke, grant_id)

    async def app_states(self) -> Mapping[str, AppState]:
        """Return what is known of apps, by name."""
        return await self._runner.read(sql.app_states)

    async def put_app(self, name: str, spec: str, secret: Sealed | None, now: float) -> None:
        """Keep an app."""
        await self._runner.write(sql.put_app, name, spec, secret, now)
