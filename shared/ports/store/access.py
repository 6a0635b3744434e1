"""What is asked of the store about people: users, API tokens, sessions, the audit and repeated requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from shared.access.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class User:
    """A person. `name` is in lower case. `tenant` is None for somebody who is not confined to one.

    `accounts` are ids of the accounts of an owner. `failures` wrong passwords were given in a row, and nobody
    signs in until `locked_until`. `code_step` is the step of the last one-time code that was used. `subject`:
    who signs in at an identity provider (OIDC) calls it so, and has no password here. Times are seconds since
    the epoch.
    """

    name: str
    role: Role
    tenant: str | None
    accounts: frozenset[str]
    created_at: float
    revision: int = 1
    enabled: bool = True
    password: str | None = field(default=None, repr=False)
    failures: int = 0
    locked_until: float = 0.0
    code_step: int = 0
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is stored: its digest, and the beginning that people may see."""

    id: str
    name: str
    prefix: str
    digest: str = field(repr=False)
    role: Role
    tenant: str | None
    accounts: frozenset[str]
    scope: frozenset[Permission] | None
    created_by: str
    created_at: float
    expires_at: float | None
    used_at: float | None = None
    revoked_at: float | None = None


class SessionKind(StrEnum):
    """A session of a browser, or a link that gives one, once."""

    BROWSER = "browser"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, or may be by a link. `address` is where from, on the network."""

    digest: str = field(repr=False)
    kind: SessionKind
    user: str
    created_at: float
    seen_at: float
    expires_at: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what: `before` and `after` hold no secrets. `number` is given by the store."""

    at: float
    who: str
    address: str
    action: str
    tenant: str | None
    object: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    number: int = 0


class Answer(NamedTuple):
    """The answer to a request, to be given again."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Repetition(StrEnum):
    """What a request with a known key is."""

    NEW = "new"
    RUNNING = "running"
    DONE = "done"
    OTHER = "other"


class Known(NamedTuple):
    """What is known of an idempotency key: `answer` where it is done."""

    repetition: Repetition
    answer: Answer | None = None


class AccessStore(Protocol):
    """People, their tokens and sessions, what they did, and the answers they got."""

    async def users(self, tenant: str | None, after: str, limit: int) -> Sequence[User]:
        """Return up to `limit` users by name, of all tenants where `tenant` is None."""
        ...

    async def user(self, name: str) -> User | None:
        """Return a user."""
        ...

    async def save_user(self, user: User, expected: int) -> bool:
        """Write a user if it is there with the revision `expected` (0: not there); return whether it was."""
        ...

    async def remove_user(self, name: str, expected: int | None) -> bool:
        """Remove a user, its sessions, its codes and the tokens it made; return whether it was there as
        expected.
        """
        ...

    async def note_sign_in(self, name: str, failures: int, locked_until: float) -> None:
        """Write how the latest attempt to sign in ended."""
        ...

    async def use_code_step(self, name: str, step: int) -> bool:
        """Note that the one-time code of a step is used; return False where it or a later one was before."""
        ...

    async def put_recovery_codes(self, name: str, digests: Sequence[str]) -> None:
        """Keep these codes of a user in place of those that were there."""
        ...

    async def use_recovery_code(self, name: str, digest: str) -> bool:
        """Use a code up; return whether it was there."""
        ...

    async def count_recovery_codes(self, name: str) -> int:
        """Return how many codes a user has left."""
        ...

    async def tokens(self, tenant: str | None, after: str, limit: int) -> Sequence[ApiToken]:
        """Return up to `limit` tokens by id, of all tenants where `tenant` is None."""
        ...

    async def token(self, token: str) -> ApiToken | None:
        """Return the token with this id."""
        ...

    async def token_by_digest(self, digest: str) -> ApiToken | None:
        """Return the token with this digest."""
        ...

    async def add_token(self, token: ApiToken) -> None:
        """Write a new token."""
        ...

    async def revoke_token(self, token: str, now: float) -> bool:
        """End a token; return whether there was one that worked."""
        ...

    async def note_token_use(self, tokens: Mapping[str, float]) -> None:
        """Write when these tokens were used last."""
        ...

    async def add_session(self, session: Session) -> None:
        """Write a new session or link; those that have expired by then are deleted."""
        ...

    async def session(self, digest: str) -> Session | None:
        """Return a session or link."""
        ...

    async def touch_session(self, digest: str, seen_at: float, expires_at: float) -> None:
        """Write when a session was used, and until when it lasts now."""
        ...

    async def end_session(self, digest: str) -> bool:
        """Delete a session or link; return whether it was there. A link is used by whom it was there for."""
        ...

    async def end_sessions(self, user: str, but: str = "") -> None:
        """Delete all sessions and links of a user, `but` that with this digest."""
        ...

    async def sessions_of(self, user: str) -> Sequence[Session]:
        """Return the sessions and links of a user, newest first."""
        ...

    async def record(self, records: Sequence[AuditRecord]) -> None:
        """Append to the audit."""
        ...

    async def audit(self, tenant: str | None, before: int, limit: int) -> Sequence[AuditRecord]:
        """Return up to `limit` records with numbers below `before` (0: from the newest on), newest first."""
        ...

    async def begin_request(self, owner: str, key: str, digest: str, now: float) -> Known:
        """Note that a request with this key begins, unless it is known; old ones are deleted.

        One that began long ago without an answer, as its process was killed, may begin again.
        """
        ...

    async def end_request(self, owner: str, key: str, answer: Answer | None) -> None:
        """Keep the answer to a request; None forgets the request, so that it may be made again."""
        ...
