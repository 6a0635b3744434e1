"""People sign in: by password, with a one-time code where they have set one up, or by a link."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from shared.access.one_time_codes import KEY_OCTETS, code_step, key_uri
from shared.access.passwords import delay_after, is_password
from shared.access.roles import Principal
from shared.access.tokens import csrf_token, digest_of, is_csrf_token, is_well_formed, mint
from shared.model.sealed import SecretName
from shared.operations.context import OperatorContext
from shared.operations.people.errors import LinkUnusable, SignInRefused, TooManyTries, UserUnknown
from shared.ports.store import SealedSecret, Session, SessionKind, User

SESSION_IDLE = 12 * 3600.0
SESSION_LONGEST = 7 * 86400.0
"""Seconds for which a session lasts without use, and at most."""
TOUCHED_EVERY = 300.0
"""Seconds between two notes of a session's use, so that not each request writes."""
LINK_LASTS = 24 * 3600.0
USER_SECRETS = "user"
CODE_KEY = "totp"


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

    async def sign_in(self, name: str, password: str, code: str = "") -> SignedIn:
        """Return the session of a person. Raises `SignInRefused` and `TooManyTries`.

        An unknown name takes as long as a wrong password, and is told in the same words.
        """
        store, now = self.context.access, self.context.clock.now()
        user = await store.user(name.lower())
        if user is not None and user.locked_until > now:
            raise TooManyTries(user.locked_until - now)
        stored = user.password if user is not None and user.enabled else None
        right = await asyncio.to_thread(is_password, stored, password)
        if user is None:
            raise SignInRefused
        step = await self._code_step(user, code, now) if right else None
        if not right or step is None:
            failures = user.failures + 1
            await store.note_sign_in(user.name, failures, now + delay_after(failures), user.code_step)
            raise SignInRefused
        await store.note_sign_in(user.name, 0, 0.0, step)
        return await self._begin(user, now)

    async def link(self, name: str, lasts: float = LINK_LASTS) -> str:
        """Return the secret of a link by which a person signs in once. Raises `UserUnknown`."""
        user = await self.context.access.user(name.lower())
        if user is None:
            raise UserUnknown
        minted, now = mint(self.entropy), self.context.clock.now()
        link = Session(minted.digest, SessionKind.LINK, user.name, now, now, now + lasts)
        await self.context.access.add_session(link)
        return minted.secret

    async def sign_in_by_link(self, secret: str) -> SignedIn:
        """Return the session of whom a link is for, and use the link up. Raises `LinkUnusable`."""
        store, now = self.context.access, self.context.clock.now()
        link = await self._found(secret, SessionKind.LINK, now)
        user = None if link is None else await store.user(link.user)
        if link is None or user is None or not user.enabled or not await store.end_session(link.digest):
            raise LinkUnusable
        return await self._begin(user, now)

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

    async def set_up_codes(self, name: str) -> str:
        """Have a person asked for one-time codes from now on; return the URI for its app."""
        user = await self.context.access.user(name.lower())
        if user is None:
            raise UserUnknown
        key = self.entropy(KEY_OCTETS)
        secret = SecretName(USER_SECRETS, user.name, CODE_KEY)
        sealed = self.context.registry.box.seal(secret, SecretStr(base64.b32encode(key).decode()))
        await self.context.secrets.put_secrets([SealedSecret(secret, sealed)], self.context.clock.now())
        return key_uri(key, user.name)

    async def _code_step(self, user: User, code: str, now: float) -> int | None:
        """The step of a right code that was not used before; 0 for a person without codes."""
        sealed = await self.context.secrets.sealed_secrets(USER_SECRETS, [user.name])
        if (user.name, CODE_KEY) not in sealed:
            return user.code_step
        name = SecretName(USER_SECRETS, user.name, CODE_KEY)
        key = self.context.registry.box.open(name, sealed[user.name, CODE_KEY]).get_secret_value()
        step = code_step(base64.b32decode(key), code, now)
        return step if step is not None and step > user.code_step else None

    async def _found(self, secret: str, kind: SessionKind, now: float) -> Session | None:
        if not is_well_formed(secret):
            return None
        session = await self.context.access.session(digest_of(secret))
        valid = session is not None and session.kind is kind and session.expires_at > now
        return session if valid else None

    async def _begin(self, user: User, now: float) -> SignedIn:
        minted = mint(self.entropy)
        session = Session(minted.digest, SessionKind.BROWSER, user.name, now, now, now + SESSION_IDLE)
        await self.context.access.add_session(session)
        return SignedIn(principal_of(user), minted.secret, csrf_token(minted.secret))


def principal_of(user: User) -> Principal:
    """Return the person as it asks for something."""
    return Principal(user.name, user.role, user.tenant, user.accounts)
