"""The port `AccessStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql.access import people, requests
from shared.adapters.sql.runner import TransactionRunner
from shared.ports.store.access import Answer, ApiToken, AuditRecord, Known, Session, User


class SqlAccessStore:
    """People, their tokens and sessions, what they did, and the answers they got, see `AccessStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def users(self, tenant: str | None, after: str, limit: int) -> Sequence[User]:
        """Return up to `limit` users by name, of all tenants where `tenant` is None."""
        return await self._runner.read(people.users_after, tenant, after, limit)

    async def user(self, name: str) -> User | None:
        """Return a user."""
        return await self._runner.read(people.user_named, name)

    async def save_user(self, user: User, expected: int) -> bool:
        """Write a user if it is there with the revision `expected` (0: not there); return whether it was."""
        return await self._runner.write(people.save_user, user, expected)

    async def remove_user(self, name: str, expected: int | None) -> bool:
        """Remove a user, its sessions and the tokens it made; return whether it was there as expected."""
        return await self._runner.write(people.remove_user, name, expected)

    async def note_sign_in(self, name: str, failures: int, locked_until: float, code_step: int) -> None:
        """Write how the latest attempt to sign in ended."""
        await self._runner.write(people.note_sign_in, name, failures, locked_until, code_step)

    async def tokens(self, tenant: str | None, after: str, limit: int) -> Sequence[ApiToken]:
        """Return up to `limit` tokens by id, of all tenants where `tenant` is None."""
        return await self._runner.read(people.tokens_after, tenant, after, limit)

    async def token(self, token: str) -> ApiToken | None:
        """Return the token with this id."""
        return await self._runner.read(people.token_of, token)

    async def token_by_digest(self, digest: str) -> ApiToken | None:
        """Return the token with this digest."""
        return await self._runner.read(people.token_by_digest, digest)

    async def add_token(self, token: ApiToken) -> None:
        """Write a new token."""
        await self._runner.write(people.add_token, token)

    async def revoke_token(self, token: str, now: float) -> bool:
        """End a token; return whether there was one that worked."""
        return await self._runner.write(people.revoke_token, token, now)

    async def note_token_use(self, tokens: Mapping[str, float]) -> None:
        """Write when these tokens were used last."""
        await self._runner.write(people.note_token_use, tokens)

    async def add_session(self, session: Session) -> None:
        """Write a new session or link; those that have expired by then are deleted."""
        await self._runner.write(people.add_session, session)

    async def session(self, digest: str) -> Session | None:
        """Return a session or link."""
        return await self._runner.read(people.session_by_digest, digest)

    async def touch_session(self, digest: str, seen_at: float, expires_at: float) -> None:
        """Write when a session was used, and until when it lasts now."""
        await self._runner.write(people.touch_session, digest, seen_at, expires_at)

    async def end_session(self, digest: str) -> bool:
        """Delete a session or link; return whether it was there. A link is used by whom it was there for."""
        return await self._runner.write(people.end_session, digest)

    async def end_sessions(self, user: str) -> None:
        """Delete all sessions and links of a user."""
        await self._runner.write(people.end_sessions, user)

    async def record(self, records: Sequence[AuditRecord]) -> None:
        """Append to the audit."""
        await self._runner.write(requests.record, records)

    async def audit(self, tenant: str | None, before: int, limit: int) -> Sequence[AuditRecord]:
        """Return up to `limit` records with numbers below `before` (0: from the newest on), newest first."""
        return await self._runner.read(requests.audit_before, tenant, before, limit)

    async def begin_request(self, owner: str, key: str, digest: str, now: float) -> Known:
        """Note that a request with this key begins, unless it is known; old ones are deleted."""
        return await self._runner.write(requests.begin_request, owner, key, digest, now)

    async def end_request(self, owner: str, key: str, answer: Answer | None) -> None:
        """Keep the answer to a request; None forgets the request, so that it may be made again."""
        await self._runner.write(requests.end_request, owner, key, answer)
