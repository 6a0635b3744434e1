"""API tokens are made, found by what a request carries, and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.access.roles import Permission, Principal, Role
from shared.access.tokens import TOKEN_MARK, Entropy, digest_of, is_well_formed, mint
from shared.model.errors import Fault, MailferryError
from shared.operations.context import OperatorContext
from shared.operations.people.members import COMMAND, check_grant
from shared.ports.store import ApiToken

USE_NOTED_EVERY = 60.0
"""Seconds: a token that makes 1,000 requests in a second is not written to the database each time."""
MOST_NOTED = 10_000
"""Tokens whose latest use is remembered, so that memory does not grow with their number."""


MOST_KNOWN = 10_000
"""Tokens among which an id is found by its beginning."""


class TokenUnknown(MailferryError):
    """There is no such token, or nobody who asks may know of one."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self) -> None:
        super().__init__("there is no such token, or it was revoked")


class NewToken(NamedTuple):
    """A token as somebody describes it. `lasts` is in seconds, None for ever."""

    name: str
    role: Role
    tenant: str | None = None
    accounts: frozenset[str] = frozenset()
    scope: frozenset[Permission] | None = None
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of an installation."""

    context: OperatorContext
    entropy: Entropy
    _noted: dict[str, float] = field(default_factory=dict)

    async def create(self, new: NewToken, giver: Principal = COMMAND) -> tuple[ApiToken, str]:
        """Return a new token, and its secret, which is shown only now. Raises `GrantRefused`."""
        check_grant(giver, Principal(new.name, new.role, new.tenant, new.accounts, new.scope))
        minted = mint(self.entropy, TOKEN_MARK)
        now = self.context.clock.now()
        token = ApiToken(
            self.entropy(8).hex(),
            new.name,
            minted.prefix,
            minted.digest,
            new.role,
            new.tenant,
            new.accounts,
            new.scope,
            giver.name,
            now,
            None if new.lasts is None else now + new.lasts,
        )
        await self.context.access.add_token(token)
        return token, minted.secret

    async def list(
        self, principal: Principal = COMMAND, after: str = "", limit: int = 100
    ) -> Sequence[ApiToken]:
        """Return up to `limit` tokens by id that the principal may see."""
        return await self.context.access.tokens(principal.tenant, after, limit)

    async def find(self, beginning: str, principal: Principal = COMMAND) -> str:
        """Return the id of the token that begins so, if no other one does. Raises `TokenUnknown`."""
        if await self.context.access.token(beginning) is not None or not beginning:
            return beginning
        known = await self.context.access.tokens(principal.tenant, "", MOST_KNOWN)
        alike = [each.id for each in known if each.id.startswith(beginning)]
        if len(alike) != 1:
            raise TokenUnknown
        return alike[0]

    async def show(self, token: str, principal: Principal = COMMAND) -> ApiToken:
        """Return a token. Raises `TokenUnknown`."""
        found = await self.context.access.token(token)
        if found is None or principal.tenant not in {None, found.tenant}:
            raise TokenUnknown
        return found

    async def revoke(self, token: str, principal: Principal = COMMAND) -> ApiToken:
        """End a token. Raises `TokenUnknown`."""
        found = await self.show(token, principal)
        if not await self.context.access.revoke_token(token, self.context.clock.now()):
            raise TokenUnknown
        return found

    async def principal_of(self, secret: str) -> Principal | None:
        """Return whom a secret stands for; None where it is no token, or one that has ended."""
        if not is_well_formed(secret, TOKEN_MARK):
            return None
        token = await self.context.access.token_by_digest(digest_of(secret))
        now = self.context.clock.now()
        principal = None if token is None else token_principal(token, now)
        if token is not None and principal is not None:
            await self._note_use(token, now)
        return principal

    async def _note_use(self, token: ApiToken, now: float) -> None:
        if now - self._noted.get(token.id, token.used_at or 0.0) < USE_NOTED_EVERY:
            return
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        self._noted[token.id] = now
        await self.context.access.note_token_use({token.id: now})


def token_principal(token: ApiToken, now: float) -> Principal | None:
    """Return whom a token stands for; None where it has ended."""
    if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now):
        return None
    return Principal(token.name, token.role, token.tenant, token.accounts, token.scope, token.id)
