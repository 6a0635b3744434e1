"""People sign in: by password, with a one-time code where they have set one up, or by a link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from shared.access.passwords import delay_after, is_password
from shared.access.roles import Principal
from shared.access.tokens import csrf_token, digest_of, is_csrf_token, is_well_formed, mint
from shared.operations.context import OperatorContext
from shared.operations.people.errors import (
    CodeNeeded,
    LinkUnusable,
    SignInRefused,
    TooManyTries,
    UserUnknown,
)
from shared.operations.people.second_factor import SecondFactor
from shared.ports.store import Session, SessionKind, User

SESSION_IDLE = 12 * 3600.0
SESSION_LONGEST = 7 * 86400.0
"""Seconds for which a session lasts without use, and at most."""
TOUCHED_EVERY = 300.0
"""Seconds between two notes of a session's use, so that not each request writes."""
LINK_LASTS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in. `secret` goes into the cookie, `csrf` into forms and headers."""

    principal: Principal
    secret: str
    csrf: str


@dataclass(frozen=True, slots=True)
class SignIns:
    """Signing in, and the sessions that come of it."""

    context: OperatorContext
    entropy: Callable[[int], bytes]

    async def sign_in(self, name: str, password: str, code: str = "", address: str = "") -> SignedIn:
        """Return the session of a person; `address` is where from. `code`: a one-time or recovery code.

        An unknown name takes as long as a wrong password, and is told in the same words. Raises
        `SignInRefused`, `CodeNeeded` and `TooManyTries`.
        """
        store, now = self.context.access, self.context.clock.now()
        user = await store.user(name.lower())
        if user is not None and user.locked_until > now:
            raise TooManyTries(user.locked_until - now)
        stored = user.password if user is not None and user.enabled else None
        right = await asyncio.to_thread(is_password, stored, password)
        if user is None:
            raise SignInRefused
        second = SecondFactor(self.context, self.entropy)
        needs_code = right and await second.is_set_up(user.name)
        if needs_code and not code.strip():
            raise CodeNeeded
        if not right or (needs_code and not await second.accepts(user.name, code)):
            await note_failure(self.context, user)
            raise SignInRefused
        await store.note_sign_in(user.name, 0, 0.0)
        return await self.begin(user, address)

    async def link(self, name: str, lasts: float = LINK_LASTS) -> str:
        """Return the secret of a link by which a person signs in once. Raises `UserUnknown`."""
        user = await self.context.access.user(name.lower())
        if user is None:
            raise UserUnknown
        return await sign_in_link(self.context, self.entropy, user, lasts)

    async def sign_in_by_link(self, secret: str, code: str = "", address: str = "") -> SignedIn:
        """Return the session of whom a link is for, and use the link up.

        The link stands for the password alone: a code is asked for where one is set up. Raises
        `LinkUnusable`, `CodeNeeded`, `SignInRefused` and `TooManyTries`.
        """
        store, now = self.context.access, self.context.clock.now()
        link = await self._found(secret, SessionKind.LINK, now)
        user = None if link is None else await store.user(link.user)
        if link is None or user is None or not user.enabled:
            raise LinkUnusable
        if user.locked_until > now:
            raise TooManyTries(user.locked_until - now)
        second = SecondFactor(self.context, self.entropy)
        if await second.is_set_up(user.name):
            if not code.strip():
                raise CodeNeeded
            if not await second.accepts(user.name, code):
                await note_failure(self.context, user)
                raise SignInRefused
        if not await store.end_session(link.digest):
            raise LinkUnusable
        return await self.begin(user, address)

    async def session_of(self, secret: str) -> SignedIn | None:
        """Return who a cookie's secret stands for; None where its session has ended."""
        now = self.context.clock.now()
        session = await self._found(secret, SessionKind.BROWSER, now)
        user = None if session is None else await self.context.access.user(session.user)
        if session is None or user is None or not user.enabled:
            return None
        if now - session.seen_at >= TOUCHED_EVERY:
            expires_at = min(now + SESSION_IDLE, session.created_at + SESSION_LONGEST)
            await self.context.access.touch_session(session.digest, now, expires_at)
        return SignedIn(principal_of(user), secret, csrf_token(secret))

    async def sign_out(self, secret: str) -> None:
        """End a session."""
        await self.context.access.end_session(digest_of(secret))

    def is_own_form(self, signed_in: SignedIn, csrf: str) -> bool:
        """Return whether a request comes from a page of ours: it carries the session's CSRF token."""
        return is_csrf_token(signed_in.secret, csrf)

    async def _found(self, secret: str, kind: SessionKind, now: float) -> Session | None:
        if not is_well_formed(secret):
            return None
        session = await self.context.access.session(digest_of(secret))
        valid = session is not None and session.kind is kind and session.expires_at > now
        return session if valid else None

    async def begin(self, user: User, address: str) -> SignedIn:
        """Return a new session of a person who has proven who it is."""
        minted, now = mint(self.entropy), self.context.clock.now()
        session = Session(
            minted.digest, SessionKind.BROWSER, user.name, now, now, now + SESSION_IDLE, address
        )
        await self.context.access.add_session(session)
        return SignedIn(principal_of(user), minted.secret, csrf_token(minted.secret))


async def sign_in_link(
    context: OperatorContext, entropy: Callable[[int], bytes], user: User, lasts: float = LINK_LASTS
) -> str:
    """Return the secret of a link by which a person signs in once."""
    minted, now = mint(entropy), context.clock.now()
    link = Session(minted.digest, SessionKind.LINK, user.name, now, now, now + lasts)
    await context.access.add_session(link)
    return minted.secret


async def note_failure(context: OperatorContext, user: User) -> None:
    """Count a wrong password or code: the next try has to wait for longer and longer."""
    failures = user.failures + 1
    await context.access.note_sign_in(user.name, failures, context.clock.now() + delay_after(failures))


def principal_of(user: User) -> Principal:
    """Return the person as it asks for something."""
    return Principal(user.name, user.role, user.tenant, user.accounts)
