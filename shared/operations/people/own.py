"""What people do about themselves: password, one-time codes and sessions. Each change is audited.

Whoever has a session and nothing else can neither replace the password nor switch the codes off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shared.access.passwords import checked_password, hash_password, is_password
from shared.access.tokens import digest_of
from shared.operations.context import OperatorContext
from shared.operations.people.auditing import Doer, record
from shared.operations.people.errors import (
    CodeWrong,
    PasswordWrong,
    SessionUnknown,
    TooManyTries,
    UserConflict,
    UserUnknown,
)
from shared.operations.people.second_factor import CodesState, Enrolment, SecondFactor
from shared.operations.people.signing_in import note_failure
from shared.ports.store import Session, SessionKind, User

SHOWN = 16
"""Characters of a session's digest that name it."""


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """The access of one person, `name` in lower case, who is signed in with the session `secret`."""

    context: OperatorContext
    entropy: Callable[[int], bytes]
    name: str
    doer: Doer
    secret: str

    async def change_password(self, present: str, new: str) -> None:
        """Replace the password; the other sessions end.

        Raises `PasswordWrong`, `TooManyTries`, `PasswordUnusable`, `UserConflict` and `UserUnknown`.
        """
        user = await self._user()
        checked_password(new)
        await self._prove(user, present)
        hashed = await asyncio.to_thread(hash_password, new)
        if not await self.context.access.save_user(replace(user, password=hashed, failures=0), user.revision):
            raise UserConflict
        await self._record("member.password")
        await self.end_others()

    async def codes(self) -> CodesState:
        """Return whether codes are set up."""
        return await self._second.state(self.name)

    async def begin_codes(self, present: str) -> Enrolment:
        """Make a key for an app, see `SecondFactor.begin`. Raises `PasswordWrong` and `TooManyTries`."""
        await self._prove(await self._user(), present)
        return await self._second.begin(self.name)

    async def confirm_codes(self, code: str) -> list[str]:
        """Have codes asked for, and return the recovery codes. Raises `CodesNotBegun` and `CodeWrong`."""
        codes = await self._second.confirm(self.name, code)
        await self._record("member.codes")
        return codes

    async def renew_recovery_codes(self, code: str) -> list[str]:
        """Return new recovery codes in place of the old ones. Raises `CodeWrong` and `TooManyTries`."""
        await self._prove_code(code)
        codes = await self._second.renew_recovery_codes(self.name)
        await self._record("member.recovery_codes")
        return codes

    async def remove_codes(self, code: str) -> None:
        """Have codes asked for no more. Raises `CodeWrong` and `TooManyTries`."""
        await self._prove_code(code)
        await self._second.remove(self.name)
        await self._record("member.remove_codes")

    async def sessions(self) -> Sequence[tuple[str, Session, bool]]:
        """Return the sessions, newest first, each with its id, and whether it is this one."""
        own, now = digest_of(self.secret), self.context.clock.now()
        found = await self.context.access.sessions_of(self.name)
        return [
            (each.digest[:SHOWN], each, each.digest == own)
            for each in found
            if each.kind is SessionKind.BROWSER and each.expires_at > now
        ]

    async def end(self, session: str) -> None:
        """End a session by its id. Raises `SessionUnknown`."""
        for name, each, _ in await self.sessions():
            if name == session and await self.context.access.end_session(each.digest):
                await self._record("session.end")
                return
        raise SessionUnknown

    async def end_others(self) -> None:
        """End all sessions but this one, and links for signing in."""
        await self.context.access.end_sessions(self.name, digest_of(self.secret))
        await self._record("session.end_others")

    async def _user(self) -> User:
        user = await self.context.access.user(self.name)
        if user is None:
            raise UserUnknown
        return user

    async def _prove(self, user: User, present: str) -> None:
        """Raise `PasswordWrong` unless it is the password. Who signs in by links has none to prove."""
        self._check_lock(user)
        if user.password is None or await asyncio.to_thread(is_password, user.password, present):
            return
        await note_failure(self.context, user)
        raise PasswordWrong

    async def _prove_code(self, code: str) -> None:
        user = await self._user()
        self._check_lock(user)
        if not await self._second.accepts(self.name, code):
            await note_failure(self.context, user)
            raise CodeWrong

    def _check_lock(self, user: User) -> None:
        if user.locked_until > (now := self.context.clock.now()):
            raise TooManyTries(user.locked_until - now)

    @property
    def _second(self) -> SecondFactor:
        return SecondFactor(self.context, self.entropy)

    async def _record(self, action: str) -> None:
        user = await self._user()
        await record(self.context, self.doer, action, self.name, user.tenant)
