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
        """Remove a user, its sessions, codes and tokens; return whether it was there as expected."""
        return await self._runner.write(people.remove_user, name, expected)

    async def note_sign_in(self, name: str, failures: int, locked_until: float) -> None:
        """Write how the latest attempt to sign in ended."""
        await self._runner.write(people.note_sign_in, name, failures, locked_until)

    async def use_code_step(self, name: str, step: int) -> bool:
        """Note that the one-time code of a step is used; return whether it is the first time."""
        return await self._runner.write(people.use_code_step, name, step)

    async def put_recovery_codes(self, name: str, digests: Sequence[str]) -> None:
        """Keep these codes of a user in place of those that were there."""
        await self._runner.write(people.put_recovery_codes, name, digests)

    async def use_recovery_code(self, name: str, digest: str) -> bool:
        """Use a code up; return whether it was there."""
        return await self._runner.write(people.use_recovery_code, name, digest)

    async def count_recovery_codes(self, name: str) -> int:
        """Return how many codes a user has left."""
        return await self._runner.read(people.count_recovery_codes, name)

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

    async def end_sessions(self, user: str, but: str = "") -> None:
        """Delete all sessions and links of a user, `but` that with this digest."""
        await self._runner.write(people.end_sessions, user, but)

    async def sessions_of(self, user: str) -> Sequence[Session]:
        """Return the sessions and links of a user, newest first."""
        return await self._runner.read(people.sessions_of, user)

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
