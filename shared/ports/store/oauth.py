"""What is asked of the store about OAuth: grants, their tokens, and apps that providers refuse.

Promises: one process at a time refreshes a grant, under a lease with a fence; both tokens of an answer are
stored in one transaction with the state, and the old refresh token stays where none came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from shared.model.oauth import GrantState
from shared.model.sealed import Sealed

SECRET_KIND = "grant"  # noqa: S105 - no secret
ACCESS, REFRESH = "access_token", "refresh_token"
APP_SECRET_KIND, CLIENT_SECRET = "oauth_app", "client_secret"


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """Tokens, encrypted; the refresh token is None where there is none, or where the old one goes on."""

    access: Sealed = field(repr=False)
    refresh: Sealed | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant without its tokens. Times are seconds since the epoch, None where it never happened.

    `state` is never `REFRESHING`: that is a grant with a lease. `scope` is what was granted. `expires_at` is
    the end of the access token, `due_at` the time of the next refresh. `failures` counts those in a row. The
    provider of one that is `REVOKING` is told at `due_at`, and that is given up at `revoke_until`.
    """

    id: str
    app: str
    username: str
    state: GrantState
    problem: str | None
    scope: str | None
    consented_at: float
    issued_at: float | None
    expires_at: float | None
    due_at: float | None
    refreshed_at: float | None
    failures: int
    lease_until: float | None
    fence: int
    revoke_until: float | None = None


class StoredGrant(NamedTuple):
    """A grant with its tokens; those that are not there are None."""

    grant: Grant
    access: Sealed | None
    refresh: Sealed | None


class GrantLease(NamedTuple):
    """The right to refresh a grant, until the lease ends or another process has one."""

    id: str
    fence: int


class Renewal(NamedTuple):
    """What a refresh brought."""

    lease: GrantLease
    tokens: SealedTokens
    scope: str | None
    issued_at: float
    expires_at: float
    due_at: float


class Refusal(NamedTuple):
    """What a refresh that failed means. `app_until`: the app is not asked before then, as it is refused.

    `access_is_over`: a mail server refused the access token, so no login is tried with it any more.
    """

    lease: GrantLease
    state: GrantState
    problem: str
    due_at: float
    app_until: float | None = None
    access_is_over: bool = False


@dataclass(frozen=True, slots=True)
class AppState:
    """An app: its spec as JSON where it is kept in the database, and why its provider refuses it.

    One with `removed_at` is there for its grants to be given back, and for nothing else. `revision` counts
    the changes of its spec and its secret.
    """

    name: str
    spec: str | None
    secret: Sealed | None = field(default=None, repr=False)
    problem: str | None = None
    problem_since: float | None = None
    retry_at: float | None = None
    removed_at: float | None = None
    revision: int = 1


class AppWrite(NamedTuple):
    """An app to be kept. `secret`: None keeps the one that is there, unless `drops_secret`.

    `expected`: the revision that it must have; 0: it must not be there; None: either.
    """

    name: str
    spec: str
    secret: Sealed | None = None
    drops_secret: bool = False
    expected: int | None = None


class Removal(NamedTuple):
    """How many `grants` a removed app had, and of how many the provider is `to_tell`."""

    grants: int
    to_tell: int


class GrantStore(Protocol):
    """The grants of all accounts and targets."""

    async def put_grant(
        self, grant_id: str, app: str, username: str, now: float, renewal: Renewal | None
    ) -> None:
        """Begin a grant anew: what is known of an earlier one, and a refresh under way, are void.

        `renewal` has the first tokens (its lease is not used); without, the grant is due at once. With
        tokens, an account whose visits failed is visited at once.
        """
        ...

    async def ensure_grants(self, wanted: Sequence[tuple[str, str, str]], now: float) -> None:
        """Begin those grants (id, app, user name) that are not there, due at once."""
        ...

    async def grant(self, grant_id: str) -> StoredGrant | None:
        """Return a grant with its tokens; None where there is none."""
        ...

    async def grants(self) -> Sequence[Grant]:
        """Return all grants, by id."""
        ...

    async def tenant_grants(self, tenant: str, after: str, limit: int) -> Sequence[Grant]:
        """Return up to `limit` grants of a tenant's accounts and targets with ids after `after`, by id."""
        ...

    async def lease_due(self, holder: str, now: float, until: float, limit: int) -> Sequence[GrantLease]:
        """Lease up to `limit` grants that are due, the longest overdue first.

        Grants of an app that its provider refuses are left out; once it may be asked again, one is leased.
        A lease that ends long after `until` was made by a clock that was wrong, and is over.
        """
        ...

    async def lease_grant(self, grant_id: str, holder: str, now: float, until: float) -> GrantLease | None:
        """Lease one grant, due or not; None where another process holds it, or there is none."""
        ...

    async def record_renewal(self, renewal: Renewal) -> None:
        """Store the tokens of a refresh and end the lease; the app is well again. Raises `LeaseLost`."""
        ...

    async def record_refusal(self, refusal: Refusal, now: float) -> None:
        """Store why a refresh failed and end the lease. Raises `LeaseLost`."""
        ...

    async def return_lease(self, lease: GrantLease) -> None:
        """End a lease that was not used. Nothing happens where it is lost."""
        ...

    async def next_due(self) -> float | None:
        """Return when the next grant is due; None where none is."""
        ...

    async def give_back(self, ids: Sequence[str], now: float, until: float) -> Sequence[str]:
        """End these grants of accounts and targets that stay; return those whose provider is to be told.

        These keep their refresh token until that is done, or given up at the time `until`.
        """
        ...

    async def lease_revocations(
        self, holder: str, now: float, until: float, limit: int
    ) -> Sequence[GrantLease]:
        """Lease up to `limit` grants whose provider is to be told now, the longest overdue first."""
        ...

    async def lease_revocation(
        self, grant_id: str, holder: str, now: float, until: float
    ) -> GrantLease | None:
        """Lease one grant whose provider is to be told, due or not; None where another process holds it."""
        ...

    async def has_same_sign_in(self, grant_id: str) -> bool:
        """Return whether another grant that goes on was got by the same app for the same user."""
        ...

    async def end_revocation(self, lease: GrantLease) -> None:
        """Forget a grant whose provider was told, or not to be told any more. Raises `LeaseLost`.

        It stays as revoked while its account or target is there. A removed app goes with its last grant.
        """
        ...

    async def postpone_revocation(self, lease: GrantLease, problem: str, due_at: float) -> None:
        """Store why the provider could not be told, and end the lease. Raises `LeaseLost`."""
        ...

    async def app_states(self) -> Mapping[str, AppState]:
        """Return what is known of apps, by name."""
        ...

    async def put_app(self, write: AppWrite, now: float) -> int | None:
        """Keep an app and return its new revision; None where it is not there as expected.

        What was wrong with it is forgotten.
        """
        ...

    async def remove_app(
        self, name: str, now: float, until: float, expected: int | None = None
    ) -> Removal | None:
        """Remove an app that is kept here, and give its grants back; None where there is none, or not with
        the `expected` revision.

        It is forgotten, with its secret, when the provider was told of the last one.
        """
        ...
