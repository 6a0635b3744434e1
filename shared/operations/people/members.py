"""People are added, changed and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from shared.access.passwords import checked_password, hash_password
from shared.access.roles import WITHIN_ONE_TENANT, Principal, Role, may_grant
from shared.operations.context import OperatorContext
from shared.operations.people.auditing import Doer, record
from shared.operations.people.errors import GrantRefused, UserConflict, UserExists, UserUnknown
from shared.operations.people.second_factor import remove_codes
from shared.operations.people.signing_in import sign_in_link
from shared.ports.store import User


class NewUser(NamedTuple):
    """A person as somebody describes it. Without a password, it signs in by a link."""

    name: str
    role: Role
    tenant: str | None = None
    accounts: frozenset[str] = frozenset()
    password: str | None = None


COMMAND = Principal("command", Role.OPERATOR)
"""Whoever may read the configuration may do everything."""


@dataclass(frozen=True, slots=True)
class Users:
    """The people whom `principal` may see."""

    context: OperatorContext
    principal: Principal = COMMAND

    async def list(self, after: str = "", limit: int = 100) -> Sequence[User]:
        """Return up to `limit` people by name."""
        return await self.context.access.users(self.principal.tenant, after, limit)

    async def show(self, name: str) -> User:
        """Return a person. Raises `UserUnknown`."""
        user = await self.context.access.user(name.lower())
        if user is None or self.principal.tenant not in {None, user.tenant}:
            raise UserUnknown
        return user

    async def add(self, new: NewUser) -> User:
        """Add a person. Raises `GrantRefused`, `PasswordUnusable` and `UserExists`."""
        password = None if new.password is None else await _hashed(new.password)
        now = self.context.clock.now()
        user = User(new.name.lower(), new.role, new.tenant, new.accounts, now, password=password)
        self._check(user)
        if not await self.context.access.save_user(user, 0):
            raise UserExists
        return user

    async def change(
        self,
        name: str,
        expected: int | None,
        *,
        role: Role | None = None,
        accounts: frozenset[str] | None = None,
        enabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change a person; its sessions end. Raises what `add` does, `UserUnknown` and `UserConflict`."""
        before = await self.show(name)
        self._check(before)
        user = replace(
            before,
            role=before.role if role is None else role,
            accounts=before.accounts if accounts is None else accounts,
            enabled=before.enabled if enabled is None else enabled,
            password=before.password if password is None else await _hashed(password),
        )
        self._check(user)
        revision = before.revision if expected is None else expected
        if not await self.context.access.save_user(user, revision):
            raise UserConflict
        await self.context.access.end_sessions(user.name)
        return replace(user, revision=revision + 1)

    async def remove(self, name: str, expected: int | None = None) -> User:
        """Remove a person with its sessions and the tokens it made. Raises as `change` does."""
        user = await self.show(name)
        self._check(user)
        if not await self.context.access.remove_user(user.name, expected):
            raise UserConflict
        return user

    async def reset_codes(self, name: str, doer: Doer) -> None:
        """Ask a person for one-time codes no more; its sessions end. Raises `GrantRefused`, `UserUnknown`."""
        user = await self.show(name)
        self._check(user)
        await remove_codes(self.context, user.name)
        await self.context.access.end_sessions(user.name)
        await record(self.context, doer, "member.reset_codes", user.name, user.tenant)

    async def end_sessions(self, name: str, doer: Doer) -> None:
        """End the sessions and sign-in links of a person. Raises `GrantRefused` and `UserUnknown`."""
        user = await self.show(name)
        self._check(user)
        await self.context.access.end_sessions(user.name)
        await record(self.context, doer, "member.end_sessions", user.name, user.tenant)

    async def sign_in_link(self, name: str, entropy: Callable[[int], bytes], doer: Doer) -> str:
        """Return the secret of a link by which a person signs in once. Raises as `end_sessions` does."""
        user = await self.show(name)
        self._check(user)
        secret = await sign_in_link(self.context, entropy, user)
        await record(self.context, doer, "member.sign_in_link", user.name, user.tenant)
        return secret

    def _check(self, user: User) -> None:
        check_grant(self.principal, Principal(user.name, user.role, user.tenant, user.accounts))


def check_grant(giver: Principal, receiver: Principal) -> None:
    """Raise `GrantRefused` where somebody would get more than the giver has, or a role that cannot be."""
    if receiver.role in WITHIN_ONE_TENANT and receiver.tenant is None:
        raise GrantRefused(f"the role {receiver.role} belongs to a tenant; name it")
    if receiver.role is Role.OPERATOR and receiver.tenant is not None:
        raise GrantRefused("an operator belongs to no tenant")
    foreign = [each for each in receiver.accounts if not each.startswith(f"{receiver.tenant}/")]
    if foreign:
        raise GrantRefused("the accounts of an owner are those of its tenant, as TENANT/NAME")
    if not may_grant(giver, receiver):
        raise GrantRefused("nobody can give more than he may do himself")


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(hash_password, checked_password(password))
